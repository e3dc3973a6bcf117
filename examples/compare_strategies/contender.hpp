#pragma once

#include <healthai/aggregation/any_aggregator.hpp>
#include <healthai/server/schedule.hpp>
#include <healthai/server/selection.hpp>
#include <string>
#include <vector>

#include "compare_strategies/clients.hpp"
#include "compare_strategies/flags.hpp"
#include "compare_strategies/settings.hpp"

namespace compare {

using Rule = healthai::AnyAggregator<double>;

/// One of the strategies that are compared: NAME[:key=value...], then in any order +RULE[...] and +COMPRESSOR[...].
/// To add one of your own: its name to the list in contender.cpp and a line to strategies.hpp.
struct Contender {
  std::string text{};
  Settings strategy{};
  Settings rule{"mean"};
  Settings compressor{"none"};
  Training training{};  ///< the command line's, with this contender's own settings
};

/// Reads one entry of --strategies. \throws healthai::Error for what is not there, with what there is
Contender parse_contender(const std::string& text, const Training& common);
/// The entries of --strategies. Whatever else is wrong with the flags is said too, before hours are spent.
/// \throws healthai::Error
std::vector<Contender> parse_contenders(const Flags& flags);
/// Who is asked in a round, as --selection says. \throws healthai::Error for another text
healthai::ClientSelection parse_selection(const std::string& text);
/// When replies are aggregated: rounds, or for fedbuff a buffer, by default of a fourth of the clients.
healthai::Schedule make_schedule(const Contender& contender, std::size_t clients);
/// All strategies, rules and compressors with their settings, for a person.
std::string list_of_contenders();
/// How the updates of a round become one.
Rule make_rule(Settings settings);
/// The client's side of a strategy, around the library's trainer.
AnyClient make_client(const Contender& contender, AnyModel model);

}  // namespace compare
