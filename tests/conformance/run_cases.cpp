// Runs cases of the form {"id", "function", "inputs", "expected", "tolerance"} that other software has answered, and says of
// each whether this library gives the same: `conformance CASES.json`. Exit status 0 only if all do.
#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <exception>
#include <fstream>
#include <functional>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <span>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "healthai/aggregation/bulyan.hpp"
#include "healthai/aggregation/krum.hpp"
#include "healthai/aggregation/mean_of_closest.hpp"
#include "healthai/aggregation/median.hpp"
#include "healthai/aggregation/norm_bounded_mean.hpp"
#include "healthai/aggregation/trimmed_mean.hpp"
#include "healthai/aggregation/weighted_mean.hpp"
#include "healthai/core/metrics.hpp"
#include "healthai/core/norm.hpp"
#include "healthai/privacy/adaptive_clipping.hpp"
#include "healthai/privacy/clipped_mean.hpp"
#include "healthai/privacy/gaussian_mechanism.hpp"
#include "healthai/privacy/renyi_accountant.hpp"
#include "healthai/secagg/fixed_point.hpp"
#include "healthai/secagg/parameters.hpp"
#include "healthai/server/selection.hpp"
#include "healthai/strategy/fedadagrad.hpp"
#include "healthai/strategy/fedadam.hpp"
#include "healthai/strategy/fedavg.hpp"
#include "healthai/strategy/fedavgm.hpp"
#include "healthai/strategy/fedyogi.hpp"
#include "healthai/strategy/qfedavg.hpp"

using namespace healthai;
using nlohmann::json;

namespace {

/// The largest violation of |got - expected| <= atol + rtol |expected| so far, as a difference.
struct Comparison {
  double rtol = 0, atol = 0;
  double largest = 0;
  bool good = true;

  void operator()(double got, double expected) {
    if (got == expected || (std::isnan(got) && std::isnan(expected))) return;  // infinities too
    const double difference = std::abs(got - expected);
    if (!(difference <= largest)) largest = difference;
    if (!(difference <= atol + rtol * std::abs(expected))) good = false;
  }
};

double number(const json& value) {
  if (!value.is_string()) return value.get<double>();
  const auto text = value.get<std::string>();
  return text == "NaN" ? std::nan("") : text.front() == '-' ? -HUGE_VAL : HUGE_VAL;
}

/// What is expected is read only after the library had its chance to refuse.
void check_value(double got, const json& expected, const char* name, Comparison& comparison) {
  comparison(got, number(expected.at(name)));
}

template <class Scalar>
Parameters<Scalar> parameters(const json& layers) {
  std::vector<Tensor> tensors;
  std::vector<Scalar> values;
  for (const json& layer : layers) {
    tensors.push_back({std::to_string(tensors.size()), layer.at("shape").get<std::vector<std::size_t>>()});
    for (const json& value : layer.at("data")) values.push_back(static_cast<Scalar>(number(value)));
  }
  return Parameters<Scalar>(Layout(std::move(tensors)), values);
}

template <class Scalar>
void compare(const Parameters<Scalar>& got, const json& layers, Comparison& comparison) {
  const auto expected = parameters<double>(layers);
  if (!(expected.layout() == got.layout())) throw std::runtime_error("the shapes differ");
  for (std::size_t i = 0; i < got.size(); ++i) {
    comparison(static_cast<double>(got.data()[i]), expected.data()[i]);
  }
}

template <class Scalar>
Parameters<Scalar> minus(Parameters<Scalar> a, const Parameters<Scalar>& b) {
  a.flat() -= b.flat();
  return a;
}

/// The clients' parameters, less `from` if there is one.
template <class Scalar>
std::vector<Update<Scalar>> updates(const json& clients, const Parameters<Scalar>* from = nullptr) {
  std::vector<Update<Scalar>> result;
  for (const json& client : clients) {
    result.push_back({parameters<Scalar>(client.at("layers")), client.value("num_examples", 1.0)});
    if (from != nullptr) result.back().values.flat() -= from->flat();
  }
  return result;
}

template <class Scalar, class Rule>
Parameters<Scalar> aggregate(const Rule& rule, std::vector<Update<Scalar>> all) {
  auto state = rule.template begin<Scalar>(all.empty() ? Layout() : all.front().values.layout());
  for (Update<Scalar>& update : all) {
    require_layout(state.layout(), update.values.layout(), "an update");  // as the Federation does
    state.add(std::move(update));
  }
  return state.finish();
}

template <class Scalar, class Rule>
void check_rule(const Rule& rule, const json& in, const json& expected, Comparison& comparison) {
  auto all = updates<Scalar>(in.at("clients"));
  if constexpr (requires { rule.select(std::span<const Update<Scalar>>(all)); }) {
    const auto selected = rule.select(std::span<const Update<Scalar>>(all));
    if (expected.contains("selected")) {
      json chosen = json::array();
      if constexpr (std::is_same_v<Rule, Krum>) {
        chosen.push_back(selected);
      } else {
        chosen = selected;
      }
      if (chosen != expected.at("selected")) comparison.good = false;
    }
  }
  const auto result = aggregate(rule, std::move(all));
  compare(result, expected.at("layers"), comparison);
}

template <class StrategyType>
void check_rounds(const StrategyType& strategy, const json& in, const json& expected,
                  Comparison& comparison) {
  auto global = parameters<double>(in.at("initial"));
  auto state = strategy.template init<double>(global.layout());
  for (std::size_t round = 0; round < in.at("rounds").size(); ++round) {
    strategy.apply(state, global, aggregate(strategy.aggregator, updates(in.at("rounds")[round], &global)));
    compare(global, expected.at("global_after_round").at(round), comparison);
  }
}

template <class StrategyType>
void check_adaptive(const json& in, const json& expected, Comparison& comparison) {
  StrategyType strategy;
  const json& given = in.at("params");
  strategy.server_learning_rate = given.value("eta", strategy.server_learning_rate.initial());
  strategy.tau = given.value("tau", strategy.tau);
  if constexpr (requires { strategy.beta1; }) strategy.beta1 = given.value("beta_1", strategy.beta1);
  if constexpr (requires { strategy.beta2; }) strategy.beta2 = given.value("beta_2", strategy.beta2);
  check_rounds(strategy, in, expected, comparison);
}

template <class Scalar>
void check_qfedavg(const json& in, const json& expected, Comparison& comparison) {
  const QFedAvg strategy{.q = number(in.at("q")), .learning_rate = number(in.at("client_learning_rate"))};
  auto global = parameters<Scalar>(in.at("global"));
  auto sum = WeightedMean{}.begin<Scalar>(global.layout());
  for (std::size_t k = 0; k < in.at("clients").size(); ++k) {
    const json& client = in.at("clients")[k];
    TrainReply<Scalar> reply;
    reply.update = minus(parameters<Scalar>(client.at("layers")), global);
    reply.num_examples = client.at("num_examples").get<double>();
    reply.initial_loss = number(client.at("train_loss"));
    auto summand = strategy.contribution(std::move(reply));
    if (expected.contains("h")) comparison(summand.weight, number(expected.at("h").at(k)));
    sum.add(Update<Scalar>{std::move(summand.vectors.front().values), summand.weight});
  }
  auto state = strategy.template init<Scalar>(global.layout());
  strategy.apply(state, global, sum.finish());
  compare(global, expected.at("layers"), comparison);
}

template <class Scalar>
void check_clipping(const json& in, const json& expected, Comparison& comparison) {
  const bool of_update = in.contains("client");
  auto values = parameters<Scalar>(of_update ? in.at("client") : in.at("layers"));
  const double bound = number(in.at("clipping_norm"));
  double before = 0;
  if (of_update) {
    const auto server = parameters<Scalar>(in.at("server"));
    auto update = minus(values, server);
    before = clip_to_norm(update, bound);
    if (before > bound) values.flat() = server.flat() + update.flat();
    if (expected.at("clipped").get<bool>() != (before > bound)) comparison.good = false;
  } else {
    before = clip_to_norm(values, bound);
  }
  if (expected.contains("norm_before")) comparison(before, number(expected.at("norm_before")));
  compare(values, expected.at("layers"), comparison);
}

void check_metrics(const json& in, const json& expected, Comparison& comparison) {
  const auto key = in.at("weight_key").get<std::string>();
  Metrics sums;
  for (const json& client : in.at("clients")) {
    const double weight = number(client.at(key));
    for (const auto& [name, value] : client.items()) {
      if (name == key) continue;
      const json list = value.is_array() ? value : json::array({value});
      for (std::size_t i = 0; i < list.size(); ++i) {
        sums.add(name + "/" + std::to_string(i), weight * number(list[i]), weight);
      }
    }
  }
  for (const auto& [name, value] : expected.at("metrics").items()) {
    const json list = value.is_array() ? value : json::array({value});
    for (std::size_t i = 0; i < list.size(); ++i)
      comparison(sums[name + "/" + std::to_string(i)], number(list[i]));
  }
}

void check_sample_size(const json& in, const json& expected, Comparison& comparison) {
  std::vector<ClientId> available;
  for (std::size_t k = 0; k < in.at("available").get<std::size_t>(); ++k)
    available.emplace_back(std::to_string(k));
  const FractionOfClients some{.fraction = in.at("fraction").get<double>(),
                               .minimum = in.at("min_clients").get<std::size_t>()};
  // More than are there cannot be asked.
  const double wanted = (std::min)(number(expected.at("sample_size")), static_cast<double>(available.size()));
  comparison(static_cast<double>(select_clients(some, available, 1, 1).size()), wanted);
}

template <class Scalar>
void check_dp_fedavg(const json& in, const json& expected, Comparison& comparison) {
  const double bound = number(in.at("clipping_norm"));
  if (clipped_mean_stddev(number(in.at("noise_multiplier")), bound, in.at("clients").size()) != 0) {
    throw std::runtime_error("with noise there is nothing to compare with");
  }
  auto global = parameters<Scalar>(in.at("global"));
  const BasicFedAvg<NormBoundedMean> strategy{.aggregator = {.bound = bound}};
  auto state = strategy.template init<Scalar>(global.layout());
  strategy.apply(state, global, aggregate(strategy.aggregator, updates(in.at("clients"), &global)));
  compare(global, expected.at("layers"), comparison);
}

secagg::FixedPoint fixed_point(const json& in) {
  return {number(in.at("clipping_range")), in.at("target_range").get<std::uint64_t>()};
}

/// Calls `check(layer, i, value)` for every number of the layers; `value` is JSON.
template <class Check>
void for_each_number(const json& layers, Check check) {
  for (std::size_t layer = 0; layer < layers.size(); ++layer) {
    const json& data = layers[layer].at("data");
    for (std::size_t i = 0; i < data.size(); ++i) check(layer, i, data[i]);
  }
}
const json& number_at(const json& layers, std::size_t layer, std::size_t i) {
  return layers.at(layer).at("data").at(i);
}

void check_quantize_exact(const json& in, const json& expected, Comparison& comparison) {
  const auto point = fixed_point(in);
  Stream random(1, Purpose::test);
  for_each_number(in.at("layers"), [&](std::size_t layer, std::size_t i, const json& value) {
    const auto drawn = static_cast<double>(point.stochastic(number(value), random));
    const double level = number(number_at(expected.at("layers"), layer, i));
    comparison(drawn, level);
    comparison(static_cast<double>(point.nearest(number(value))), level);
  });
}

/// Every one of many draws is the floor or the ceiling, and their mean is, within five standard errors, what it should be.
void check_quantize_bounds(const json& in, const json& expected, bool single, Comparison& comparison) {
  const auto point = fixed_point(in);
  if (expected.contains("error") || expected.contains("skipped")) return;  // it did not refuse
  // Where there are several layers, there are several arrays.
  const auto array = [&](const char* name) {
    return expected.at(name).is_array() ? expected.at(name) : json::array({expected.at(name)});
  };
  const json floor = array("floor"), ceil = array("ceil"), mean = array("unbiased_mean");
  // Whoever computes in single precision is off by some of its last digits, and next to a level by one level.
  const double slack = single ? 4 * 0x1p-24 * static_cast<double>(point.levels()) : 0;
  comparison.atol += 1e-15 * static_cast<double>(point.levels()) + slack;
  Stream random(1, Purpose::test);
  for_each_number(in.at("layers"), [&](std::size_t layer, std::size_t i, const json& value) {
    constexpr int draws = 4000;
    const double low = number(number_at(floor, layer, i)), high = number(number_at(ceil, layer, i));
    const double exact = number(number_at(mean, layer, i));
    comparison(point.scaled(number(value)), exact);
    double sum = 0;
    for (int draw = 0; draw < draws; ++draw) {
      const auto level = static_cast<double>(point.stochastic(number(value), random));
      const bool one_of_both = level == low || level == high;
      if (!one_of_both && !(std::abs(level - exact) < 1 + slack && slack > 0)) comparison.good = false;
      sum += level;
    }
    const double share = exact - std::floor(exact);
    const double five_errors = 5 * std::sqrt((share * (1 - share) + 1e-3) / draws);
    if (!(std::abs(sum / draws - exact) < five_errors + slack)) comparison.good = false;
  });
}

void check_dequantize(const json& in, const json& expected, Comparison& comparison) {
  const auto point = fixed_point(in);
  for_each_number(in.at("layers"), [&](std::size_t layer, std::size_t i, const json& value) {
    const auto level = value.get<std::uint64_t>();
    // More than one number's worth is a sum.
    const std::uint64_t terms = level <= point.levels() ? 1 : (level - 1) / point.levels() + 1;
    const double shift = static_cast<double>(terms - 1) * point.clip();
    const double decoded = point.decode(level, terms) + shift;
    comparison(decoded, number(number_at(expected.at("layers"), layer, i)));
  });
}

void check_mod(const json& in, const json& expected, Comparison& comparison) {
  if (number(in.at("divisor")) < 1) {
    throw Error(error::invalid_argument, "the divisor must be a whole number above 0");
  }
  const auto modulus = in.at("divisor").get<std::uint64_t>();
  for_each_number(in.at("layers"), [&](std::size_t layer, std::size_t i, const json& value) {
    const std::uint64_t got = value.is_number_unsigned() ? value.get<std::uint64_t>() % modulus
                                                         : secagg::reduce(value.get<std::int64_t>(), modulus);
    const json& rest = number_at(expected.at("layers"), layer, i);
    comparison(static_cast<double>(got), number(rest));
    if (got != rest.get<std::uint64_t>()) comparison.good = false;
  });
}

void check_graph(const json& in, const json& expected, Comparison& comparison) {
  const std::map<std::string, secagg::Adversary> adversaries{
      {"semi_honest", secagg::Adversary::semi_honest}, {"semi_malicious", secagg::Adversary::semi_malicious}};
  const auto graph =
      secagg::sparse_graph(in.at("clients").get<std::size_t>(), number(in.at("corrupt")),
                           number(in.at("dropout")), adversaries.at(in.at("adversary").get<std::string>()));
  check_value(static_cast<double>(graph.degree), expected, "degree", comparison);
  check_value(static_cast<double>(graph.threshold), expected, "threshold", comparison);
}

void check_rdp_epsilon(const json& in, const json& expected, Comparison& comparison) {
  const double steps = number(in.at("steps"));
  if (!(steps >= 0 && steps <= 0x1p53) || steps != std::floor(steps)) {
    throw Error(error::invalid_argument, "steps must be a whole number of at least 0");
  }
  Releases<Patients> releases;
  releases.add({number(in.at("noise_multiplier")), number(in.at("sampling_rate"))},
               static_cast<std::uint64_t>(steps));
  const Delta<Patients> delta(number(in.at("delta")));
  check_value(RenyiAccountant{}.epsilon(releases, delta).value(), expected, "epsilon", comparison);
}

template <class Scalar>
void check(const std::string& function, const json& in, const json& expected, Comparison& c) {
  const auto malicious = in.value("num_malicious", std::size_t{0});
  const auto krum = [&] {
    const auto keep = in.value("num_to_keep", std::size_t{0});
    if (keep <= 1) return check_rule<Scalar>(Krum{.malicious = malicious}, in, expected, c);
    check_rule<Scalar>(MultiKrum{.malicious = malicious, .keep = keep}, in, expected, c);
  };
  const auto bulyan = [&](Bulyan::Selection selection) {
    check_rule<Scalar>(Bulyan{.malicious = malicious, .selection = selection}, in, expected, c);
  };
  const std::map<std::string, std::function<void()>> functions{
      {"fedavg", [&] { check_rule<Scalar>(WeightedMean{}, in, expected, c); }},
      {"fedavg_message", [&] { check_rule<Scalar>(WeightedMean{}, in, expected, c); }},
      {"median", [&] { check_rule<Scalar>(Median{}, in, expected, c); }},
      {"trimmed_mean",
       [&] { check_rule<Scalar>(TrimmedMean{.trim = number(in.at("beta"))}, in, expected, c); }},
      {"krum", krum},
      {"krum_message", krum},
      {"multikrum", krum},
      {"multikrum_message", krum},
      {"bulyan_iterative_krum", [&] { bulyan(Bulyan::Selection::iterative_krum); }},
      {"bulyan_oneshot_multikrum", [&] { bulyan(Bulyan::Selection::multi_krum); }},
      {"mean_of_n_closest",
       [&] {
         const auto reference = parameters<Scalar>(in.at("reference"));
         auto mean = aggregate(MeanOfClosest{.count = in.at("beta").get<std::size_t>(),
                                             .centre = MeanOfClosest::Centre::global_model},
                               updates(in.at("clients"), &reference));
         mean.flat() += reference.flat();
         compare(mean, expected.at("layers"), c);
       }},
      {"qfedavg", [&] { check_qfedavg<Scalar>(in, expected, c); }},
      {"qffl_step",
       [&] {
         // The last step of q-FedAvg: the mean of delta / h, weighted by h.
         auto result = parameters<double>(in.at("parameters"));
         auto sum = WeightedMean{}.begin<double>(result.layout());
         for (std::size_t k = 0; k < in.at("hs").size(); ++k) {
           const double h = number(in.at("hs")[k]);
           Update<double> update{parameters<double>(in.at("deltas")[k]), h};
           update.values.flat() /= -h;
           sum.add(std::move(update));
         }
         const QFedAvg strategy;
         auto state = strategy.init<double>(result.layout());
         strategy.apply(state, result, sum.finish());
         compare(result, expected.at("layers"), c);
       }},
      {"fedadam", [&] { check_adaptive<FedAdam>(in, expected, c); }},
      {"fedyogi", [&] { check_adaptive<FedYogi>(in, expected, c); }},
      {"fedadagrad", [&] { check_adaptive<FedAdagrad>(in, expected, c); }},
      {"fedavgm",
       [&] {
         FedAvgM strategy{.server_momentum = 0};
         strategy.server_momentum = in.at("params").value("server_momentum", strategy.server_momentum);
         strategy.server_learning_rate =
             in.at("params").value("server_learning_rate", strategy.server_learning_rate.initial());
         check_rounds(strategy, in, expected, c);
       }},
      {"l2_norm", [&] { check_value(norm(parameters<Scalar>(in.at("layers"))), expected, "value", c); }},
      {"clip_l2", [&] { check_clipping<Scalar>(in, expected, c); }},
      {"clip_model_update", [&] { check_clipping<Scalar>(in, expected, c); }},
      {"dp_noise_stddev",
       [&] {
         check_value(clipped_mean_stddev(number(in.at("noise_multiplier")), number(in.at("clipping_norm")),
                                         in.at("num_sampled_clients").get<std::size_t>()),
                     expected, "value", c);
       }},
      {"dp_adaptive_noise_params",
       [&] {
         std::optional<double> count_stddev;
         if (const json given = in.value("clipped_count_stddev", json()); !given.is_null()) {
           count_stddev = number(given);
         }
         const auto noise = adaptive_clipping_noise(number(in.at("noise_multiplier")),
                                                    number(in.at("num_sampled_clients")), count_stddev);
         check_value(noise.count_stddev, expected, "clipped_count_stddev", c);
         check_value(noise.update_multiplier, expected, "effective_noise_multiplier", c);
       }},
      {"local_dp_sigma",
       [&] {
         check_value(classical_gaussian_stddev(number(in.at("sensitivity")), number(in.at("epsilon")),
                                               number(in.at("delta"))),
                     expected, "value", c);
       }},
      {"dp_fixed_clipping_fedavg", [&] { check_dp_fedavg<Scalar>(in, expected, c); }},
      {"rdp_epsilon", [&] { check_rdp_epsilon(in, expected, c); }},
      {"secagg_quantize_exact", [&] { check_quantize_exact(in, expected, c); }},
      {"secagg_quantize_bounds",
       [&] { check_quantize_bounds(in, expected, sizeof(Scalar) == sizeof(float), c); }},
      {"secagg_dequantize", [&] { check_dequantize(in, expected, c); }},
      {"secagg_mod", [&] { check_mod(in, expected, c); }},
      {"secagg_graph", [&] { check_graph(in, expected, c); }},
      {"metrics_weighted_avg", [&] { check_metrics(in, expected, c); }},
      {"sample_size", [&] { check_sample_size(in, expected, c); }},
  };
  const auto found = functions.find(function);
  if (found == functions.end()) throw std::runtime_error("unknown function " + function);
  found->second();
}

/// Whether any array of the inputs is of single precision.
bool is_float(const json& inputs) {
  return inputs.dump().find("\"float32\"") != std::string::npos;
}

bool run(const json& one) {
  const auto id = one.at("id").get<std::string>();
  const json& expected = one.at("expected");
  const bool refuses = expected.contains("error") || expected.contains("skipped");
  Comparison comparison;
  const json tolerance = one.value("tolerance", json::object());
  if (tolerance.is_object()) {
    comparison.rtol = tolerance.value("rtol", 0.0);
    comparison.atol = tolerance.value("atol", 0.0);
  }
  std::string why;
  try {
    const auto function = one.at("function").get<std::string>();
    if (is_float(one.at("inputs"))) {
      check<float>(function, one.at("inputs"), expected, comparison);
    } else {
      check<double>(function, one.at("inputs"), expected, comparison);
    }
    if (refuses) {
      comparison.good = false;
      why = ": should have been refused";
    }
  } catch (const Error& e) {
    if (!refuses) comparison.good = false;
    why = std::string(": ") + e.what();
  } catch (const std::exception& e) {
    comparison.good = false;
    why = std::string(": ") + e.what();
  }
  std::printf("%s %s, largest difference %.3g%s\n", comparison.good ? "pass" : "FAIL", id.c_str(),
              comparison.largest, why.c_str());
  return comparison.good;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) {
    std::fprintf(stderr, "usage: conformance CASES.json\n");
    return 2;
  }
  try {
    std::ifstream file(argv[1]);
    if (!file) throw std::runtime_error(std::string("cannot open ") + argv[1]);
    std::size_t passed = 0, failed = 0;
    const json all = json::parse(file);
    for (const json& one : all.at("cases")) ++(run(one) ? passed : failed);
    std::printf("%zu passed, %zu failed\n", passed, failed);
    return failed == 0 ? 0 : 1;
  } catch (const std::exception& e) {
    std::fprintf(stderr, "conformance: %s\n", e.what());
    return 2;
  }
}
