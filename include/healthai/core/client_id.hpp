#pragma once

#include <compare>
#include <cstddef>
#include <functional>
#include <string>
#include <string_view>
#include <utility>

#include "healthai/core/error.hpp"

namespace healthai {

/// Who a client is: 1 to 64 characters of [a-z0-9_-], so that it is safe in a log, a file name or a certificate.
class ClientId {
 public:
  /// No client; only a placeholder for deserialisation. (Not defaulted: GCC 12 uses a defaulted one in places and makes none.)
  ClientId() noexcept {}  // NOLINT(modernize-use-equals-default)

  /// \throws Error (`invalid_id`) if `text` is not of that form; see `sanitised` for free text.
  ClientId(std::string text)
      : text_(std::move(text)) {  // NOLINT(google-explicit-constructor): ids are written as text
    if (!valid(text_)) {
      throw Error(
          error::invalid_id,
          "a client id is 1 to 64 characters of a-z, 0-9, '_' and '-', but this one is \"" + text_ + "\"");
    }
  }
  ClientId(const char* text) : ClientId(std::string(text)) {}  // NOLINT(google-explicit-constructor)

  /// The id for a site that a table names in free text: "St. Mary's" becomes "st--mary-s".
  /// Different texts can give the same id: whoever makes several ids checks that (`partition_by` does).
  [[nodiscard]] static ClientId sanitised(std::string_view text) {
    std::string id(text.substr(0, 64));
    for (char& c : id) {
      if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
      if (!allowed(c)) c = '-';
    }
    return ClientId(std::move(id));
  }

  [[nodiscard]] static bool valid(std::string_view text) noexcept {
    if (text.empty() || text.size() > 64) return false;
    for (const char c : text) {
      if (!allowed(c)) return false;
    }
    return true;
  }

  [[nodiscard]] const std::string& str() const noexcept { return text_; }
  friend bool operator==(const ClientId&, const ClientId&) = default;
  friend auto operator<=>(const ClientId&, const ClientId&) = default;

  template <class Archive>
  void serialize(Archive& archive, unsigned /*version*/) {
    archive& text_;
    if constexpr (Archive::is_loading::value) {
      if (!text_.empty()) text_ = ClientId(std::move(text_)).text_;
    }
  }

 private:
  [[nodiscard]] static constexpr bool allowed(char c) noexcept {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_' || c == '-';
  }
  std::string text_;
};

}  // namespace healthai

template <>
struct std::hash<healthai::ClientId> {
  std::size_t operator()(const healthai::ClientId& id) const noexcept {
    return std::hash<std::string>{}(id.str());
  }
};
