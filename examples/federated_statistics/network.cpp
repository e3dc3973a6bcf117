// The coordinator of hospitals that connect over a network.
#include "federated_statistics/network.hpp"

#include <algorithm>
#include <CLI/CLI.hpp>
#include <cstddef>
#include <utility>

#include "healthai/core/error.hpp"

namespace study {

namespace {

using healthai::ClientId;
using healthai::Error;

/// Whom to wait for: these, or so many.
struct Awaited {
  std::vector<ClientId> names{};
  std::size_t count = 0;
};

std::string listed(const std::vector<ClientId>& ids) {
  std::string text;
  for (const ClientId& id : ids) text += (text.empty() ? "" : ", ") + id.str();
  return text.empty() ? "nobody" : text;
}
std::string count_of_hospitals(std::size_t count) {
  return std::to_string(count) + (count == 1 ? " hospital" : " hospitals");
}

/// The settings in the file of --coordinator.
over_network::Listening read_settings(const std::string& path) {
  over_network::Listening settings;
  CLI::App app{"where a coordinator listens"};
  app.set_config("--config");
  over_network::add_options(app, settings);
  const char* const words[] = {"federated_statistics", "--config", path.c_str()};
  try {
    app.parse(3, words);
    over_network::require_certificate(settings);
  } catch (const CLI::Error& e) {
    throw Error(healthai::error::invalid_argument, "--coordinator " + path + ": " + e.what());
  }
  return settings;
}

/// --sites, or the setting `clients`, or all on the roster.
Awaited awaited(const Flags& f, const over_network::Listening& settings,
                const std::optional<healthai::Roster>& roster) {
  Awaited all;
  all.count = settings.clients;
  if (f.sites.size() == 1 && f.sites[0].find_first_not_of("0123456789") == std::string::npos) {
    all.count = f.sites[0].size() < 10 ? std::stoul(f.sites[0]) : 0;
    if (all.count == 0)
      throw Error(healthai::error::invalid_argument,
                  "--sites takes how many hospitals to wait for, or their ids; got " + f.sites[0]);
  } else {
    for (const std::string& name : f.sites) all.names.emplace_back(name);
    if (!f.sites.empty()) all.count = 0;
  }
  if (all.names.empty() && all.count == 0 && roster) all.names = roster->ids();
  for (const ClientId& id : all.names) {
    if (roster && !roster->contains(id))
      throw Error(healthai::error::invalid_argument,
                  "--sites: " + id.str() + " is not on the roster, so that it cannot connect; on it are " +
                      listed(roster->ids()));
  }
  if (roster && all.count > roster->ids().size())
    throw Error(healthai::error::invalid_argument,
                "the roster has " + count_of_hospitals(roster->ids().size()) + ", fewer than the " +
                    std::to_string(all.count) + " to wait for");
  if (all.names.empty() && all.count == 0)
    throw Error(healthai::error::invalid_argument,
                "--sites is needed without a roster: how many hospitals to wait for, or their ids");
  return all;
}

/// Who has not come, as far as that is known.
std::string missing(const Awaited& all, const std::vector<ClientId>& there,
                    const std::optional<healthai::Roster>& roster) {
  std::vector<ClientId> absent = !all.names.empty() ? all.names
                                 : roster           ? roster->ids()
                                                    : std::vector<ClientId>{};
  std::erase_if(absent, [&](const ClientId& id) { return std::ranges::count(there, id) > 0; });
  if (!all.names.empty()) return listed(absent);
  return std::to_string(all.count - (std::min)(all.count, there.size())) + " more" +
         (roster ? " of " + listed(absent) : "");
}

}  // namespace

Network::Network(const Flags& flags) : settings_(read_settings(flags.coordinator)) {
  healthai::SocketServerOptions options = over_network::server_options(settings_);
  const std::optional<healthai::Roster> roster = options.roster;
  const Awaited all = awaited(flags, settings_, roster);
  server_ = std::make_unique<healthai::SocketServer>(std::move(options));
  std::fprintf(stderr, "listening at port %u; waiting for %s\n", server_->port(),
               all.names.empty() ? count_of_hospitals(all.count).c_str() : listed(all.names).c_str());
  const auto give_up_at = healthai::Clock::now() + std::chrono::seconds(settings_.wait_seconds);
  for (;;) {
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(
        (std::max)(give_up_at - healthai::Clock::now(), healthai::Clock::duration::zero()));
    const auto slice = (std::min)(left, std::chrono::milliseconds(10'000));
    const bool here = all.names.empty() ? server_->wait_for_clients(all.count, slice)
                                        : server_->wait_for_clients(all.names, slice).empty();
    if (here) break;
    const std::string absent = missing(all, server_->clients(), roster);
    if (slice == left)
      throw Error(healthai::error::no_clients, "not all hospitals came within " +
                                                   std::to_string(settings_.wait_seconds) + " s: here are " +
                                                   listed(server_->clients()) + "; missing: " + absent);
    std::fprintf(stderr, "still waiting for %s, %lld s at most\n", absent.c_str(),
                 static_cast<long long>((left - slice).count() / 1000));
  }
  sites_ = all.names.empty() ? server_->clients() : all.names;
  std::ranges::sort(sites_);
  std::fprintf(stderr, "asking %s\n", listed(sites_).c_str());
}

void Network::keep_anchors(const std::string& command) {
  if (settings_.anchors.empty()) return;
  std::FILE* file = std::fopen(settings_.anchors.c_str(), "a");
  if (file == nullptr) throw Error(healthai::error::file, settings_.anchors + ": cannot be written to");
  over_network::write_anchors(file, command, *server_);
  std::fclose(file);
}

std::string advice_of_flags(const Flags& f, const std::string& why) {
  const auto about = [&why](const char* rule) { return why.find(rule) != std::string::npos; };
  if ((f.command == "quantile" || f.command == "histogram") && f.range.empty() && about("single_values: "))
    return ". Give public cut points with --range LOW,HIGH";
  if ((f.command == "cox" || f.command == "km" || f.command == "logrank") && f.grid.empty() &&
      (about("time_grid: ") || about("single_values: ")))
    return ". Give the hospitals' public times, the \"time_grid\" of their policies, with --grid";
  return "";
}

}  // namespace study
