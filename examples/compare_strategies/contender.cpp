#include "compare_strategies/contender.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <healthai/aggregation.hpp>
#include <healthai/client.hpp>
#include <healthai/compression.hpp>
#include <healthai/simulation/attack.hpp>
#include <healthai/simulation/partition.hpp>
#include <utility>
#include <vector>

#include "compare_strategies/strategies.hpp"

namespace compare {

/// What a Ditto client and one with personal layers use themselves.
template <class C>
Parameters<double> own_model(const healthai::Ditto<C>& client, const Parameters<double>& global) {
  return client.personal_model().size() > 0 ? client.personal_model() : global;
}
template <class C>
Parameters<double> own_model(const healthai::PersonalLayers<C>& client, const Parameters<double>& global) {
  Parameters<double> own = global;
  for (std::size_t i = 0; i < client.values().size(); ++i) {
    const std::size_t tensor = own.layout().index(client.names()[i]);
    std::copy(client.values()[i].begin(), client.values()[i].end(), own.data() + own.layout().offset(tensor));
  }
  return own;
}

namespace {

/// Stands for any client where only settings are looked at.
struct Probe {
  static healthai::TrainReply<double> train(const healthai::TrainRequest<double>&, std::stop_token) {
    return {};
  }
  static healthai::EvaluateReply evaluate(const healthai::EvaluateRequest<double>&, std::stop_token) {
    return {};
  }
};

constexpr const char* strategy_names =
    "fedavg, fedprox, fedavgm, fedadagrad, fedadam, fedyogi, scaffold, feddyn, fednova, qfedavg, fedbuff, "
    "cyclic, ditto, fedper";
constexpr const char* rule_names =
    "mean, reproducible_mean, median, trimmed_mean, mean_of_closest, krum, multi_krum, bulyan, "
    "geometric_median, "
    "centered_clipping, norm_bounded_mean";
constexpr const char* compressor_names = "none, top_k, random_k, qsgd, sign, float16, bfloat16, int8";

bool is_one_of(const std::string& name, std::string names) {
  names = ", " + names + ",";
  return names.find(" " + name + ",") != std::string::npos;
}

/// What a client does with its update before it travels.
AnyClient compress(Settings s, AnyClient client) {
  using namespace healthai;
  const std::string& name = s.name();
  const auto with = [&](auto compressor) {
    s.refuse_others();
    return AnyClient::of(Compressed{std::move(client), compressor});
  };
  if (name == "top_k") return with(TopK{.share = s.number("share", 0.01)});
  if (name == "random_k") return with(RandomK{.share = s.number("share", 0.01)});
  if (name == "qsgd") return with(Qsgd{.levels = static_cast<std::uint32_t>(s.count("levels", 127))});
  if (name == "sign") return with(Sign{.bucket = s.count("bucket", 512)});
  if (name == "float16") return with(Float16{});
  if (name == "bfloat16") return with(BFloat16{});
  if (name == "int8") return with(Int8{.bucket = s.count("bucket", 512)});
  s.refuse_others();
  return client;
}

}  // namespace

Rule make_rule(Settings s) {
  using namespace healthai;
  const std::string& name = s.name();
  Rule rule;
  if (name == "reproducible_mean") rule = ReproducibleMean{};
  if (name == "median") rule = Median{};
  if (name == "trimmed_mean") rule = TrimmedMean{.trim = s.number("trim", 0.1)};
  if (name == "mean_of_closest") rule = MeanOfClosest{.count = s.count("count", 1)};
  if (name == "krum") rule = Krum{.malicious = s.count("malicious", 0)};
  if (name == "multi_krum") {
    const std::uint64_t malicious = s.count("malicious", 0);
    rule = MultiKrum{.malicious = malicious, .keep = s.count("keep", 1)};
  }
  if (name == "bulyan") rule = Bulyan{.malicious = s.count("malicious", 0)};
  if (name == "geometric_median") rule = GeometricMedian{.iterations = s.count("iterations", 100)};
  if (name == "centered_clipping") {
    const double radius = s.number("radius", 1);
    rule = CenteredClipping{.radius = radius, .iterations = s.count("iterations", 3)};
  }
  if (name == "norm_bounded_mean") rule = NormBoundedMean{.bound = s.number("bound", 1)};
  s.refuse_others();
  rule.validate();
  return rule;
}

AnyClient make_client(const Contender& contender, AnyModel model) {
  using namespace healthai;
  const Training& t = contender.training;
  LocalTrainer trainer{std::move(model),
                       {.learning_rate = t.learning_rate.initial(),
                        .momentum = t.momentum,
                        .weight_decay = t.weight_decay,
                        .batch_size = t.batch,
                        .local_epochs = t.local_epochs,
                        .local_steps = t.local_steps}};
  Settings s = contender.strategy;
  const auto wrapped = [&] {
    if (s.name() == "scaffold") return AnyClient::of(ControlVariates{std::move(trainer)});
    if (s.name() == "feddyn") return AnyClient::of(DynamicRegularisation{std::move(trainer)});
    if (s.name() == "ditto")
      return AnyClient::of(Ditto{std::move(trainer), {.lambda = s.number("lambda", 0.1)}});
    if (s.name() == "fedper") {
      return AnyClient::of(
          PersonalLayers{std::move(trainer), split(s.text("layers").value_or("intercept"), '/')});
    }
    return AnyClient::of(std::move(trainer));
  };
  return compress(contender.compressor, wrapped());
}

Contender parse_contender(const std::string& text, const Training& common) {
  Contender contender{.text = text, .training = common};
  const std::vector<std::string> parts = split(text, '+');
  Settings s(parts.front());
  if (!is_one_of(s.name(), strategy_names)) refuse_name("strategy", s.name(), strategy_names);
  for (std::size_t i = 1; i < parts.size(); ++i) {
    Settings part(parts[i]);
    if (is_one_of(part.name(), rule_names)) {
      contender.rule = part;
    } else if (is_one_of(part.name(), compressor_names)) {
      contender.compressor = part;
    } else {
      refuse_name("rule or compressor", part.name(), std::string(rule_names) + "; " + compressor_names);
    }
  }
  contender.strategy = s;
  Training& t = contender.training;
  if (const auto steps = s.count("local_steps")) t.local_steps = steps;
  if (const auto epochs = s.count("local_epochs")) {
    t.local_epochs = *epochs;
    t.local_steps.reset();
  }
  t.batch = s.count("batch", t.batch);
  if (const auto rate = s.text("learning_rate")) t.learning_rate = healthai::parse_rate_schedule(*rate);
  if (const auto rate = s.text("server_learning_rate")) {
    t.server_learning_rate = healthai::parse_rate_schedule(*rate);
  }
  t.momentum = s.number("momentum", t.momentum);
  t.weight_decay = s.number("weight_decay", t.weight_decay);
  // Wrong settings are found before anything runs.
  with_strategy(contender, [](const auto&) {});
  make_schedule(contender, 1);
  compress(contender.compressor, AnyClient::of(Probe{}));
  return contender;
}

std::vector<Contender> parse_contenders(const Flags& flags) {
  std::vector<Contender> contenders;
  for (const std::string& text : flags.strategies)
    contenders.push_back(parse_contender(text, flags.training));
  static_cast<void>(parse_selection(flags.selection));
  if (!flags.attack.empty()) static_cast<void>(healthai::parse_attack(flags.attack));
  if (!flags.partition.empty()) static_cast<void>(healthai::parse_partition(flags.partition));
  return contenders;
}

healthai::Schedule make_schedule(const Contender& contender, std::size_t clients) {
  using namespace healthai;
  if (contender.strategy.name() != "fedbuff") return Synchronous{};
  Settings s = contender.strategy;
  Buffered buffered;
  buffered.size = s.count("size", (clients + 3) / 4);
  buffered.concurrency = s.count("concurrency", buffered.concurrency);
  buffered.staleness_exponent = s.number("staleness_exponent", buffered.staleness_exponent);
  buffered.max_staleness = s.count("max_staleness");
  validate(Schedule(buffered));
  return buffered;
}

healthai::ClientSelection parse_selection(const std::string& text) {
  using namespace healthai;
  Settings s(text);
  const std::string& name = s.name();
  const std::string names = "all, fraction, poisson, power_of_choice";
  if (!is_one_of(name, names)) refuse_name("selection", name, names);
  ClientSelection selection = AllClients{};
  if (name == "fraction") selection = FractionOfClients{.fraction = s.number("share", 0.1)};
  if (name == "poisson") selection = PoissonSampling{.probability = s.number("probability", 0.1)};
  if (name == "power_of_choice") {
    const std::size_t candidates = s.count("candidates", 10);
    selection = PowerOfChoice{.candidates = candidates, .clients = s.count("clients", 1)};
  }
  s.refuse_others();
  validate(selection);
  return selection;
}

namespace {
/// What the refusal of a setting that there is not says that there is.
std::string settings_in(const std::string& contender) {
  try {
    static_cast<void>(parse_contender(contender, {}));
  } catch (const healthai::Error& e) {
    const std::string what = e.what();
    const std::size_t at = what.find("it has: ");
    if (at != std::string::npos) return what.substr(at + 8);
  }
  return "";
}
}  // namespace

std::string list_of_contenders() {
  std::string text = "NAME[:key=value...][+RULE[:key=value...]][+COMPRESSOR[:key=value...]]\n";
  const auto list = [&text](const char* title, const std::string& names, const std::string& before) {
    text += std::string("\n") + title + "\n";
    std::string rest = names;
    for (std::string& name : split(rest, ',')) {
      name.erase(0, name.find_first_not_of(' '));
      text += "  " + name + std::string(20 - (std::min)(name.size(), std::size_t{19}), ' ') +
              settings_in(before + name + ":?=0") + "\n";
    }
  };
  list("strategies", strategy_names, "");
  list("rules", rule_names, "fedavg+");
  list("compressors", compressor_names, "fedavg+");
  return text;
}

}  // namespace compare
