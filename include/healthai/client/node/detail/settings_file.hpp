#pragma once

/// \file
/// Reads the JSON files in which people tell a node what it may do. What is not understood is an error that says where it
/// stands, what was expected and which settings there are: a misspelt limit must not be a limit that is missing.

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <limits>
#include <nlohmann/json.hpp>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include "healthai/core/error.hpp"
#include "healthai/core/number_text.hpp"
#include "healthai/serialization/detail/os_file.hpp"

namespace healthai::detail {

/// Free text of a stranger as one short line that can stand in a message: printable ASCII, at most 64 characters.
[[nodiscard]] inline std::string shown(std::string_view text) {
  std::string line(text.substr(0, 64));
  for (char& c : line) {
    if (c < ' ' || c > '~') c = '?';
  }
  if (text.size() > 64) line += "...";
  return line;
}

/// `names`, separated by commas.
template <class Names>
[[nodiscard]] std::string listed(const Names& names) {
  std::string text;
  for (const auto& name : names) {
    if (!text.empty()) text += ", ";
    if constexpr (std::is_integral_v<std::decay_t<decltype(name)>>) {
      text += std::to_string(name);
    } else {
      text += shown(name);
    }
  }
  return text.empty() ? "none" : text;
}

/// Where in which file a value stands, as a JSON pointer (RFC 6901).
struct SettingsPlace {
  std::string source;
  std::string pointer;
  [[nodiscard]] SettingsPlace at(std::string_view key) const {
    SettingsPlace place{source, pointer + "/"};
    for (const char c : shown(key)) {
      place.pointer += c == '~' ? "~0" : c == '/' ? "~1" : std::string(1, c);
    }
    return place;
  }
  [[noreturn]] void fail(const std::string& what) const {
    throw Error(error::policy, source + ": " + (pointer.empty() ? "" : "at " + pointer + ": ") + what);
  }
  [[noreturn]] void fail(const std::string& expected, const nlohmann::json& found) const {
    fail("expected " + expected + ", but this is " + describe(found));
  }
  [[nodiscard]] static std::string describe(const nlohmann::json& value) {
    if (value.is_object()) return "an object";
    if (value.is_array()) return "a list";
    if (value.is_string()) return "the text \"" + shown(value.get_ref<const std::string&>()) + "\"";
    return value.dump();
  }
};

/// One JSON object whose settings are all known.
class SettingsObject {
 public:
  /// \throws Error (`policy`) if it is no object, or has a setting that is not in `known`.
  SettingsObject(const nlohmann::json& value, SettingsPlace place, std::vector<std::string_view> known)
      : value_(value), place_(std::move(place)) {
    if (!value.is_object()) place_.fail("an object with the settings " + listed(known), value);
    for (const auto& entry : value.items()) {
      if (std::find(known.begin(), known.end(), entry.key()) == known.end()) {
        place_.at(entry.key()).fail("there is no such setting here; known are: " + listed(known));
      }
    }
  }
  [[nodiscard]] const SettingsPlace& place() const noexcept { return place_; }
  [[nodiscard]] SettingsPlace at(std::string_view key) const { return place_.at(key); }
  /// nullptr if it is left out.
  [[nodiscard]] const nlohmann::json* find(const char* key) const {
    const auto found = value_.find(key);
    return found == value_.end() ? nullptr : &*found;
  }

  /// Calls `use(value, place)` if the setting is there.
  template <class Use>
  void with(const char* key, Use use) const {
    if (const nlohmann::json* value = find(key)) use(*value, at(key));
  }
  /// \throws Error (`policy`) if it is left out.
  void require(const char* key, const std::string& why) const {
    if (find(key) == nullptr) place_.fail("the setting \"" + std::string(key) + "\" is missing: " + why);
  }

 private:
  const nlohmann::json& value_;
  SettingsPlace place_;
};

[[nodiscard]] inline bool settings_flag(const nlohmann::json& value, const SettingsPlace& place) {
  if (!value.is_boolean()) place.fail("true or false", value);
  return value.get<bool>();
}
[[nodiscard]] inline std::uint64_t settings_whole(const nlohmann::json& value, const SettingsPlace& place,
                                                  std::uint64_t smallest) {
  if (!value.is_number_unsigned() || value.get<std::uint64_t>() < smallest) {
    place.fail("a whole number of at least " + std::to_string(smallest) + ", without point or exponent",
               value);
  }
  return value.get<std::uint64_t>();
}
[[nodiscard]] inline double settings_number(const nlohmann::json& value, const SettingsPlace& place) {
  if (!value.is_number() || !(value.get<double>() >= 0) || std::isinf(value.get<double>())) {
    place.fail("a number of at least 0", value);
  }
  return value.get<double>();
}
/// A name of 1 to 64 printable characters.
[[nodiscard]] inline std::string settings_name(const nlohmann::json& value, const SettingsPlace& place) {
  if (!value.is_string()) place.fail("a text", value);
  const auto& text = value.get_ref<const std::string&>();
  if (text.empty() || text.size() > 64 ||
      std::any_of(text.begin(), text.end(), [](char c) { return c >= 0 && (c < ' ' || c == '\x7f'); })) {
    place.fail("a text of 1 to 64 bytes without control characters", value);
  }
  return text;
}
/// A list, each of whose elements `read(element, place)` understands, as a set.
template <class Read>
[[nodiscard]] auto settings_set(const nlohmann::json& value, const SettingsPlace& place, Read read) {
  std::set<decltype(read(value, place))> result;
  if (!value.is_array()) place.fail("a list", value);
  for (std::size_t i = 0; i < value.size(); ++i) result.insert(read(value[i], place.at(std::to_string(i))));
  return result;
}

inline constexpr std::size_t largest_settings_file = std::size_t{1} << 20U;
inline constexpr std::size_t deepest_settings = 16;

/// `text` as JSON without repeated keys. \throws Error (`policy`)
[[nodiscard]] inline nlohmann::json parse_settings(std::string_view text, const std::string& source) {
  const SettingsPlace top{source, {}};
  if (text.size() > largest_settings_file) {
    top.fail("a settings file has at most " + std::to_string(largest_settings_file) +
             " bytes, but this has " + std::to_string(text.size()));
  }
  struct Open {
    std::set<std::string> keys{};
    std::string last{};
  };
  std::vector<Open> open;
  using Event = nlohmann::json::parse_event_t;
  const auto watch = [&](int, Event event, nlohmann::json& value) {
    if (event == Event::object_start || event == Event::array_start) {
      if (open.size() == deepest_settings) top.fail("objects and lists lie in one another too deep");
      open.emplace_back();
    } else if (event == Event::object_end || event == Event::array_end) {
      open.pop_back();
    } else if (event == Event::key) {
      const auto& key = value.get_ref<const std::string&>();
      SettingsPlace place = top;
      for (std::size_t i = 0; i + 1 < open.size(); ++i) place = place.at(open[i].last);
      if (!open.back().keys.insert(key).second) place.at(key).fail("this setting stands here twice");
      open.back().last = key;
    }
    return true;
  };
  try {
    return nlohmann::json::parse(text.begin(), text.end(), watch);
  } catch (const nlohmann::json::exception& e) {
    const std::string_view what = e.what();  // "[json.exception.parse_error.101] parse error at line 1, ..."
    const std::size_t prefix = what.find("] ");
    top.fail("this is not JSON: " +
             std::string(prefix == std::string_view::npos ? what : what.substr(prefix + 2)));
  }
}

/// The text of a settings file. \throws Error (`file`, `policy`)
[[nodiscard]] inline std::string read_settings_file(const std::string& path) {
  InputFile file(path);
  if (file.size() > largest_settings_file) {
    SettingsPlace{path, {}}.fail("a settings file has at most " + std::to_string(largest_settings_file) +
                                 " bytes, but this has " + std::to_string(file.size()));
  }
  std::string text(static_cast<std::size_t>(file.size()), '\0');
  file.read(std::as_writable_bytes(std::span(text)));
  return text;
}

}  // namespace healthai::detail
