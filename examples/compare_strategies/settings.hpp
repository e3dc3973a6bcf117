#pragma once

#include <charconv>
#include <cstddef>
#include <cstdint>
#include <healthai/core/error.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace compare {

/// The parts of a text between the marks: "a:b" at ':' is "a" and "b".
inline std::vector<std::string> split(std::string_view text, char mark) {
  std::vector<std::string> parts;
  for (std::size_t begin = 0;;) {
    const std::size_t end = text.find(mark, begin);
    parts.emplace_back(text.substr(begin, end - begin));
    if (end == std::string_view::npos) return parts;
    begin = end + 1;
  }
}

/// A name and its settings, "fedprox:mu=0.1:local_steps=5". Whoever reads them names each key once, by one of the
/// functions below; `refuse_others` then knows all keys that there are.
class Settings {
 public:
  Settings() = default;
  explicit Settings(const std::string& text) : text_(text) {
    std::vector<std::string> parts = split(text, ':');
    name_ = parts.front();
    for (std::size_t i = 1; i < parts.size(); ++i) {
      const std::size_t equals = parts[i].find('=');
      if (equals == 0 || (equals == std::string::npos && given_.empty())) {
        refuse("expected key=value after the name, got \"" + parts[i] + "\"");
      } else if (equals == std::string::npos) {
        given_.back().value += ":" + parts[i];  // of a value that has colons, such as a rate schedule
      } else {
        given_.push_back({parts[i].substr(0, equals), parts[i].substr(equals + 1), false});
      }
    }
  }

  [[nodiscard]] const std::string& name() const noexcept { return name_; }

  [[nodiscard]] std::optional<std::string> text(const std::string& key) {
    known_.push_back(key);
    std::optional<std::string> value;
    for (Given& given : given_) {
      if (given.key != key) continue;
      if (value) refuse("\"" + key + "\" is given twice");
      given.used = true;
      value = given.value;
    }
    return value;
  }
  [[nodiscard]] std::optional<double> number(const std::string& key) {
    const std::optional<std::string> value = text(key);
    return value ? std::optional(read<double>(key, *value, "a number")) : std::nullopt;
  }
  [[nodiscard]] double number(const std::string& key, double otherwise) {
    return number(key).value_or(otherwise);
  }
  [[nodiscard]] std::optional<std::uint64_t> count(const std::string& key) {
    const std::optional<std::string> value = text(key);
    return value ? std::optional(read<std::uint64_t>(key, *value, "a whole number")) : std::nullopt;
  }
  [[nodiscard]] std::uint64_t count(const std::string& key, std::uint64_t otherwise) {
    return count(key).value_or(otherwise);
  }

  /// \throws healthai::Error (`unknown_name`) for a key that nobody asked for, with those that there are
  void refuse_others() const {
    for (const Given& given : given_) {
      if (given.used) continue;
      std::string keys;
      for (const std::string& key : known_) keys += (keys.empty() ? "" : ", ") + key;
      throw healthai::Error(healthai::error::unknown_name,
                            "\"" + text_ + "\": " + name_ + " has no setting \"" + given.key + "\"" +
                                (keys.empty() ? std::string("; it has none") : "; it has: " + keys));
    }
  }

 private:
  struct Given {
    std::string key;
    std::string value;
    bool used = false;
  };
  template <class Number>
  Number read(const std::string& key, const std::string& value, const char* expected) const {
    Number number{};
    const auto [end, problem] = std::from_chars(value.data(), value.data() + value.size(), number);
    if (problem != std::errc() || end != value.data() + value.size()) {
      refuse("expected " + std::string(expected) + " for \"" + key + "\", got \"" + value + "\"");
    }
    return number;
  }
  [[noreturn]] void refuse(const std::string& why) const {
    throw healthai::Error(healthai::error::invalid_argument, "\"" + text_ + "\": " + why);
  }

  std::string text_{};
  std::string name_{};
  std::vector<Given> given_{};
  std::vector<std::string> known_{};
};

/// \throws healthai::Error (`unknown_name`) with the names that there are
[[noreturn]] inline void refuse_name(const std::string& kind, const std::string& name,
                                     const std::string& known) {
  throw healthai::Error(healthai::error::unknown_name,
                        "there is no " + kind + " \"" + name + "\"; there are: " + known);
}

}  // namespace compare
