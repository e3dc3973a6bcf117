#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "healthai/core/error.hpp"
#include "healthai/data/detail/text.hpp"

namespace healthai::detail {

/// One entry of a command line's vocabulary.
struct NamedForm {
  std::string_view name;
  std::string_view usage;    ///< as an error message shows it: "dirichlet:ALPHA"
  std::size_t required = 0;  ///< numbers that must follow
  std::size_t optional = 0;  ///< numbers that may follow those
};

/// `text` taken apart: "shards:2" is the name and one number.
struct NamedNumbers {
  std::string_view name;
  std::vector<double> numbers;

  [[nodiscard]] double number(std::size_t i, double otherwise) const {
    return i < numbers.size() ? numbers[i] : otherwise;
  }
};

/// \param what  the kind of thing, for messages: "partition"
/// \throws Error (`unknown_name`) for a name that is not among `forms`, (`invalid_argument`) for another number of
///   numbers or for what is no finite number; both list the forms.
[[nodiscard]] inline NamedNumbers parse_named_numbers(std::string_view what, std::string_view text,
                                                      std::span<const NamedForm> forms) {
  std::string known;
  std::vector<std::string> names;
  for (const NamedForm& form : forms) {
    known += (known.empty() ? "" : ", ") + std::string(form.usage);
    names.emplace_back(form.name);
  }
  NamedNumbers result;
  std::vector<std::string_view> parts;
  for (std::string_view rest = text;;) {
    const std::size_t colon = rest.find(':');
    parts.push_back(rest.substr(0, colon));
    if (colon == std::string_view::npos) break;
    rest.remove_prefix(colon + 1);
  }
  result.name = parts.front();
  const NamedForm* form = nullptr;
  for (const NamedForm& candidate : forms) {
    if (candidate.name == result.name) form = &candidate;
  }
  if (form == nullptr) {
    const std::string* suggestion = closest(result.name, names);
    throw Error(error::unknown_name,
                "no " + std::string(what) + " is called " + detail::quoted(result.name) +
                    (suggestion != nullptr ? "; did you mean " + detail::quoted(*suggestion) + "?" : ".") +
                    " Known are: " + known);
  }
  const auto refuse = [&](const std::string& why) {
    throw Error(error::invalid_argument, std::string(what) + " " + detail::quoted(text) + ": " + why +
                                             "; write " + std::string(form->usage) + ". Known are: " + known);
  };
  for (std::size_t i = 1; i < parts.size(); ++i) {
    const auto number = parse_number(parts[i]);
    if (!number) refuse(detail::quoted(parts[i]) + " is not a number");
    result.numbers.push_back(number.value_or(0));
  }
  if (result.numbers.size() < form->required) refuse("a number is missing");
  if (result.numbers.size() > form->required + form->optional) refuse("there are too many numbers");
  return result;
}

}  // namespace healthai::detail
