#pragma once

#include <cstdint>
#include <string_view>

namespace healthai {

/// What keeps the reply of a single client from the coordinator.
enum class Confidentiality : std::uint8_t {
  none,       ///< nothing: replies are shown, or summed by whoever carries them
  simulated,  ///< secure aggregation, but its parties are one program, which holds all their secrets: for trials and for studying it
  secure_aggregation  ///< secure aggregation with parties of their own
};

[[nodiscard]] constexpr std::string_view to_string(Confidentiality confidentiality) noexcept {
  switch (confidentiality) {
    case Confidentiality::none:
      return "none";
    case Confidentiality::simulated:
      return "simulated";
    case Confidentiality::secure_aggregation:
      return "secure_aggregation";
  }
  return "unknown";
}

namespace detail {

/// Whether clients of this transport are programs of other parties, into which the coordinator cannot look. A transport says so by a member
/// `static constexpr bool clients_are_other_parties = true`; one that says nothing promises nothing.
template <class TransportType>
[[nodiscard]] constexpr bool reaches_other_parties() noexcept {
  if constexpr (requires { TransportType::clients_are_other_parties; }) {
    return TransportType::clients_are_other_parties;
  } else {
    return false;
  }
}

/// Of what is aggregated over a transport: what it says itself (`confidentiality()`), else none.
template <class TransportType>
[[nodiscard]] constexpr Confidentiality confidentiality_over(const TransportType& transport) noexcept {
  if constexpr (requires { transport.confidentiality(); }) {
    return transport.confidentiality();
  } else {
    return Confidentiality::none;
  }
}

}  // namespace detail

}  // namespace healthai
