#pragma once

/// \file
/// Who takes part. Needs OpenSSL 3 and nlohmann_json: link `healthai::socket`.

#include <openssl/evp.h>
#include <algorithm>
#include <array>
#include <cstddef>
#include <map>
#include <nlohmann/json.hpp>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "healthai/core/client_id.hpp"
#include "healthai/core/error.hpp"
#include "healthai/transport/socket/detail/certificate.hpp"
#include "healthai/transport/socket/detail/pem.hpp"
#include "healthai/transport/socket/peer_identity.hpp"

namespace healthai {

/// One site of a roster.
struct RosterSite {
  ClientId id{};
  /// Of its TLS key, as `PeerIdentity::key_pin`: the one, or while it is renewed this and the next.
  std::vector<std::string> pins{};
  /// Its Ed25519 public keys (RFC 8032), 64 hexadecimal digits each: none, one or two.
  std::vector<std::string> signing_keys{};
  friend bool operator==(const RosterSite&, const RosterSite&) = default;
};

/// The sites that take part, each with the keys that prove it. A certificate of the right CA is not enough: a CA that
/// somebody has broken into, or that also serves others, could name anybody. As a file:
///
///     {"sites": [
///       {"id": "north", "pins": ["<64 hexadecimal digits>"]},
///       {"id": "south", "pins": ["<its key>", "<its next key>"], "signing_keys": ["<64 hexadecimal digits>"]}
///     ]}
///
/// To renew a key, add the new pin beside the old one, let the site change over, remove the old one. Every party keeps a
/// copy of its own, and all compare `digest()` by another way than this network, such as the telephone: whoever could
/// change the list alone could add sites of its own to outnumber the others.
///
/// A value: equal when the sites and their keys are, in whatever order they were written. Reading from several threads at
/// once is safe.
class Roster {
 public:
  /// \throws Error (`roster`), saying where (as a JSON pointer, RFC 6901): no site, an id or a key twice, a key that is
  ///   not 64 lower-case hexadecimal digits, more or fewer pins than one or two
  explicit Roster(std::vector<RosterSite> sites) : sites_(std::move(sites)) {
    if (sites_.empty()) fail("/sites", "expected at least one site, got none");
    std::map<ClientId, std::string> ids;
    std::map<std::string, std::string> keys;
    for (std::size_t i = 0; i < sites_.size(); ++i) {
      RosterSite& site = sites_[i];
      const std::string at = "/sites/" + std::to_string(i);
      if (!ClientId::valid(site.id.str())) fail(at + "/id", "expected an id, got none");
      const auto [first, added] = ids.emplace(site.id, at);
      if (!added)
        fail(at + "/id",
             "expected every site once, but \"" + site.id.str() + "\" is also at " + first->second);
      if (site.pins.empty()) fail(at + "/pins", "expected one pin, or two while a key is renewed, got none");
      check_keys(at + "/pins", site.pins, keys);
      check_keys(at + "/signing_keys", site.signing_keys, keys);
    }
    std::sort(sites_.begin(), sites_.end(),
              [](const RosterSite& a, const RosterSite& b) { return a.id < b.id; });
  }

  /// \throws Error (`file`) if the file cannot be read; (`roster`) with its path, and where in it, if it is not a roster:
  ///   also for anything in it that this version does not know
  [[nodiscard]] static Roster read(const std::string& path) {
    return parse(detail::read_small_file(path, "a roster", false).text(), path);
  }
  /// From the text of such a file; `source_name` is what messages call it. \throws Error (`roster`)
  [[nodiscard]] static Roster parse(std::string_view text, const std::string& source_name) {
    try {
      return from_json(parse_json(text));
    } catch (const Error& e) {
      throw Error(e.id(), source_name + ": " + e.what());
    }
  }

  [[nodiscard]] bool contains(const ClientId& id) const noexcept { return find(id) != nullptr; }
  /// In the order of the ids.
  [[nodiscard]] const std::vector<RosterSite>& sites() const noexcept { return sites_; }
  [[nodiscard]] std::vector<ClientId> ids() const {
    std::vector<ClientId> result;
    for (const RosterSite& site : sites_) result.push_back(site.id);
    return result;
  }

  /// Lets a peer pass that is listed with the key that it has proved to hold. \throws Error (`identity`) otherwise
  void require(const PeerIdentity& peer) const {
    const RosterSite* const site = find(peer.id);
    if (site == nullptr) {
      throw Error(error::identity,
                  "\"" + peer.id.str() +
                      "\" is not on the roster: its certificate is of a CA that is believed, but "
                      "no such site takes part; to admit it, ask the site for its key's pin by "
                      "another way, compare it with " +
                      peer.key_pin + ", and add both");
    }
    if (std::find(site->pins.begin(), site->pins.end(), peer.key_pin) != site->pins.end()) return;
    throw Error(error::identity,
                "\"" + peer.id.str() + "\" is on the roster, but with another key: expected the pin " +
                    site->pins.front() + (site->pins.size() > 1 ? " or " + site->pins.back() : "") +
                    ", got " + peer.key_pin +
                    "; if the site has renewed its key, it confirms so by another way");
  }

  /// What the parties compare: SHA-256, 64 hexadecimal digits, of the text
  ///
  ///     healthai roster 1
  ///     site ID
  ///     pin HEX
  ///     signing_key HEX
  ///
  /// each line ended by a line feed, the sites in the order of their ids, each with its pins and then its signing keys in
  /// the order of their digits.
  [[nodiscard]] std::string digest() const {
    std::string text = "healthai roster 1\n";
    for (const RosterSite& site : sites_) {
      text += "site " + site.id.str() + '\n';
      for (const std::string& pin : site.pins) text += "pin " + pin + '\n';
      for (const std::string& key : site.signing_keys) text += "signing_key " + key + '\n';
    }
    std::array<unsigned char, 32> hash{};
    if (EVP_Digest(text.data(), text.size(), hash.data(), nullptr, EVP_sha256(), nullptr) != 1)
      throw Error(error::tls, "OpenSSL offers no SHA-256");
    return detail::hex_text(hash);
  }

  friend bool operator==(const Roster&, const Roster&) = default;

 private:
  using Json = nlohmann::json;

  [[noreturn]] static void fail(const std::string& at, const std::string& what) {
    throw Error(error::roster, (at.empty() ? "/" : at) + ": " + what);
  }

  /// Sorts the keys of one list. \param known all keys so far, and where they are
  static void check_keys(const std::string& at, std::vector<std::string>& list,
                         std::map<std::string, std::string>& known) {
    if (list.size() > 2)
      fail(at, "expected at most two, the key and the next one, got " + std::to_string(list.size()));
    for (std::size_t i = 0; i < list.size(); ++i) {
      const std::string here = at + '/' + std::to_string(i);
      if (list[i].size() != 64 || list[i].find_first_not_of("0123456789abcdef") != std::string::npos)
        fail(here,
             "expected 64 lower-case hexadecimal digits, got \"" + detail::ascii_text(list[i], 80) + '"');
      const auto [first, added] = known.emplace(list[i], here);
      if (!added) fail(here, "expected a key of its own, but it is also at " + first->second);
    }
    std::sort(list.begin(), list.end());
  }

  /// What a file says twice is not understood either.
  [[nodiscard]] static Json parse_json(std::string_view text) {
    std::vector<std::set<std::string>> names;  // of the objects that are open
    const auto notice = [&names](int, Json::parse_event_t event, const Json& parsed) {
      if (event == Json::parse_event_t::object_start) names.emplace_back();
      if (event == Json::parse_event_t::object_end) names.pop_back();
      if (event == Json::parse_event_t::key && !names.back().insert(parsed.get<std::string>()).second) {
        throw Error(error::roster, "expected every name once in an object, got \"" +
                                       detail::ascii_text(parsed.get<std::string>()) + "\" twice");
      }
      return true;
    };
    try {
      return Json::parse(text, notice);
    } catch (const Json::exception& e) {
      std::string_view reason = e.what();
      if (const std::size_t end = reason.find("] "); end != std::string_view::npos)
        reason.remove_prefix(end + 2);
      throw Error(error::roster, "expected JSON, but " + detail::ascii_text(reason, 300));
    }
  }

  /// \param at where the value is. \param known the names that it may have
  static void require_object(const Json& value, const std::string& at, const std::set<std::string>& known,
                             const char* example) {
    if (!value.is_object())
      fail(at, std::string("expected an object, ") + example + ", got " + value.type_name());
    for (const auto& [name, ignored] : value.items()) {
      if (!known.contains(name))
        fail(at, "\"" + detail::ascii_text(name) + "\" is not understood; expected " + example);
    }
  }
  [[nodiscard]] static std::string text_in(const Json& value, const std::string& at) {
    if (!value.is_string()) fail(at, std::string("expected text between quotes, got ") + value.type_name());
    return value.get<std::string>();
  }
  [[nodiscard]] static std::vector<std::string> texts_in(const Json& site, const char* name,
                                                         const std::string& at) {
    std::vector<std::string> texts;
    const auto list = site.find(name);
    if (list == site.end()) return texts;
    const std::string here = at + '/' + name;
    if (!list->is_array()) fail(here, std::string("expected a list in [ ], got ") + list->type_name());
    for (const Json& value : *list)
      texts.push_back(text_in(value, here + '/' + std::to_string(texts.size())));
    return texts;
  }
  [[nodiscard]] static Roster from_json(const Json& file) {
    require_object(file, "", {"sites"}, "{\"sites\": [...]}");
    const auto list = file.find("sites");
    if (list == file.end() || !list->is_array())
      fail("/sites",
           std::string("expected a list of sites, got ") + (list == file.end() ? "none" : list->type_name()));
    std::vector<RosterSite> sites;
    for (const Json& value : *list) {
      const std::string at = "/sites/" + std::to_string(sites.size());
      require_object(value, at, {"id", "pins", "signing_keys"},
                     "{\"id\": ..., \"pins\": [...]}, and perhaps \"signing_keys\": [...]");
      if (!value.contains("id")) fail(at, "expected an \"id\", got none");
      const std::string id = text_in(value["id"], at + "/id");
      if (!ClientId::valid(id))
        fail(at + "/id",
             "expected 1 to 64 characters of a-z, 0-9, '_' and '-', got \"" + detail::ascii_text(id) + '"');
      sites.push_back({id, texts_in(value, "pins", at), texts_in(value, "signing_keys", at)});
    }
    return Roster(std::move(sites));
  }

  [[nodiscard]] const RosterSite* find(const ClientId& id) const noexcept {
    const auto at =
        std::lower_bound(sites_.begin(), sites_.end(), id,
                         [](const RosterSite& site, const ClientId& wanted) { return site.id < wanted; });
    return at != sites_.end() && at->id == id ? &*at : nullptr;
  }

  std::vector<RosterSite> sites_;
};

}  // namespace healthai
