#pragma once

#include <string>
#include <utility>
#include <vector>

#include "healthai/client/node/detail/settings_file.hpp"
#include "healthai/client/node/request_facts.hpp"
#include "healthai/core/client_id.hpp"

namespace healthai {

/// The runs that a person has approved, in a JSON file that this person edits:
///
///     {"approved": [{"coordinator": "north-trial", "run": 17, "by": "Dr Lang, 3 May"}]}
///
/// It is read anew for each question, so that an approval, or its end, counts from the next request on. `by` may be left out.
/// For Policy::manual_approval; an application may ask in its own way instead, and set `RequestFacts::approved`.
class ApprovedRuns {
 public:
  explicit ApprovedRuns(std::string path) : path_(std::move(path)) {}

  /// Whether the run of this request stands in the file; false if there is no file.
  /// \throws Error (`file`), (`policy`) for a file that is not understood
  [[nodiscard]] bool operator()(const RequestFacts& request) const {
    if (!detail::file_exists(path_)) return false;
    const nlohmann::json json = detail::parse_settings(detail::read_settings_file(path_), path_);
    const detail::SettingsObject file(json, {path_, {}}, {"approved"});
    bool found = false;
    file.with("approved", [&](const nlohmann::json& list, const detail::SettingsPlace& place) {
      if (!list.is_array()) place.fail("a list", list);
      for (std::size_t i = 0; i < list.size(); ++i) {
        const detail::SettingsObject entry(list[i], place.at(std::to_string(i)),
                                           {"coordinator", "run", "by"});
        entry.require("coordinator", "whose run it is");
        entry.require("run", "its number");
        const std::string coordinator =
            detail::settings_name(*entry.find("coordinator"), entry.at("coordinator"));
        const std::uint64_t run = detail::settings_whole(*entry.find("run"), entry.at("run"), 0);
        entry.with("by", [](const auto& v, const auto& p) { (void)detail::settings_name(v, p); });
        if (coordinator == request.coordinator && run == request.run) found = true;
      }
    });
    return found;
  }

 private:
  std::string path_;
};

}  // namespace healthai
