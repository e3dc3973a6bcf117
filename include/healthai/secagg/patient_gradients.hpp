#pragma once

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <numeric>
#include <span>
#include <stop_token>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "healthai/client/detail/unit_gradients.hpp"
#include "healthai/core/error.hpp"
#include "healthai/core/finite.hpp"
#include "healthai/core/layout.hpp"
#include "healthai/core/parameters.hpp"
#include "healthai/core/summand.hpp"
#include "healthai/core/task.hpp"
#include "healthai/core/training.hpp"
#include "healthai/model/per_example.hpp"
#include "healthai/privacy/clipped_gradient_sum.hpp"
#include "healthai/secagg/segments.hpp"

namespace healthai::secagg {

/// The task "sum your patients' gradients at these parameters, each of them clipped": one step of gradient descent over the patients of all
/// hospitals, private in the unit of a patient. It is for secure sums with noise that members put together in that unit (SumNoise with
/// `most_patients`): nobody ever sees a sum without noise, and there is the noise of one sum over all hospitals, where with PrivateTrainer each
/// hospital's update has as much for itself. (Abadi, Chu, Goodfellow, McMahan, Mironov, Talwar, Zhang: Deep Learning with Differential
/// Privacy, 2016, algorithm 1, with every patient in each step; the noise as in Kairouz, Liu, Steinke 2021.)
///
/// The sum is not divided: by what, is the coordinator's choice of a number that is public, such as the patients that are expected. How many
/// there are does not travel. A plan's `vector_segments` is exact in whole steps, with noise and without.
struct PatientGradients {
  using Scalar = double;
  struct Broadcast {
    RoundId id{};
    Parameters<double> parameters{};
    double clip = 1;               ///< > 0; bound of the Euclidean length of each patient's gradient
    std::uint32_t grid_bits = 20;  ///< in [1, 30]; gradients are rounded to multiples of clip 2^-grid_bits
    std::uint64_t most_patients =
        10'000;  ///< of one hospital: a public bound, not its number; at most 2^48 / 2^grid_bits

    /// What the noise of a sum of these is, of this multiplier, for `SumRanges::noise`.
    [[nodiscard]] SumNoise noise(double noise_multiplier) const {
      return {noise_multiplier, grid_bits, 0, most_patients};
    }
    template <class Archive>
    void serialize(Archive& archive, unsigned /*version*/) {
      archive& id& parameters& clip& grid_bits& most_patients;
    }
  };
  /// The sum of the clipped gradients: whole multiples of the step.
  struct Reply {
    Parameters<double> sum{};
    template <class Archive>
    void serialize(Archive& archive, unsigned /*version*/) {
      archive& sum;
    }
  };
  static constexpr std::string_view name = "patient_gradients.f64";

  /// One vector, "gradients", not weighted.
  [[nodiscard]] static Summand<double> summand(Reply reply) {
    Summand<double> sum;
    sum.weight = 1;
    sum.vectors.push_back({"gradients", false, std::move(reply.sum)});
    return sum;
  }
  [[nodiscard]] static std::size_t bytes(const Broadcast& broadcast) noexcept {
    return broadcast.parameters.size_bytes();
  }
  [[nodiscard]] static std::size_t bytes(const Reply& reply) noexcept { return reply.sum.size_bytes(); }

  /// \throws Error (`invalid_argument`) for numbers outside their range
  static void validate(const Broadcast& broadcast) {
    static_cast<void>(
        ClippedGradientSum::reach(broadcast.parameters.size(), broadcast.clip, broadcast.grid_bits));
    if (broadcast.most_patients == 0 ||
        broadcast.most_patients > (std::uint64_t{1} << 48U) >> broadcast.grid_bits) {
      throw Error(error::invalid_argument,
                  "patients' gradients: most_patients must be in [1, 2^48 / 2^grid_bits], but are " +
                      std::to_string(broadcast.most_patients));
    }
  }
  [[nodiscard]] static std::vector<VectorSegment> vector_segments(const Broadcast& broadcast) {
    validate(broadcast);
    return {{"gradients", broadcast.parameters.layout(), false,
             static_cast<double>(broadcast.most_patients) * broadcast.clip,
             2 * broadcast.most_patients << broadcast.grid_bits}};
  }
  [[nodiscard]] static std::vector<ScalarSegment> scalar_segments(const Broadcast& /*broadcast*/) {
    return {};
  }

  /// What a member checks of a coordinator's plan: that its noise is for the patients whose gradients are asked for.
  /// \throws Error (`secagg_terms`); as `validate`
  static void require_plan(const Broadcast& broadcast, const SegmentPlan& plan) {
    const VectorSegment expected = vector_segments(broadcast).front();
    bool same = plan.vectors().size() == 1 && plan.scalars().empty();
    if (same) {
      const VectorSegment& found = plan.vectors().front();
      same = found.name == expected.name && found.layout == expected.layout && found.clip == expected.clip &&
             !found.weighted;
      if (plan.noise().on()) {
        same = same && plan.noise().grid_bits == broadcast.grid_bits &&
               plan.noise().most_patients == broadcast.most_patients;
      } else {
        same = same && found.levels == expected.levels;
      }
    }
    if (same) return;
    throw Error(
        error::secagg_terms,
        "patients' gradients: the terms have another vector, clip, grid or number of patients than what is "
        "asked for, and their noise would not be for one of these patients");
  }
};

/// A hospital's answer to PatientGradients.
///
///     TaskHandlers work;
///     work.offer<PatientGradients>(SumsPatientGradients{model, rows_by_patient(table, "patient")});
///     hospitals.add("north", secure_handlers<PatientGradients>(std::move(work), self));
///
/// The member's rules say `unit = SumUnit::patient`, and debit a ledger in that unit. Offered without `secure_handlers` the sum leaves as it
/// is, without any noise. Each patient must be at one hospital only. One call at a time.
/// \tparam M  whose gradients are one row's: of Cox's partial likelihood there is no part that is one patient's
template <class M>
class SumsPatientGradients {
  static_assert(
      PerExampleModel<M>,
      "healthai: a sum over patients needs the gradient of each row by itself, of a loss that is a mean over "
      "rows (PerExampleModel in model/per_example.hpp). Cox's partial likelihood is not a sum over "
      "patients, so CoxModel cannot be trained this way");

 public:
  using Units = healthai::detail::UnitRows;

  /// \param units the rows of each patient; every row of the model in one of them. Empty: each row is a patient
  /// \param most_patients a public bound, not the number: requests that allow for fewer are refused. (Were the number itself compared,
  ///   a coordinator would find it by asking.)
  /// \throws Error (`invalid_data`) for units that do not hold every row once, or more of them than the bound
  explicit SumsPatientGradients(M model, Units units = {}, std::uint64_t most_patients = 10'000)
      : model_(std::move(model)), units_(std::move(units)), most_patients_(most_patients) {
    healthai::detail::require_each_row_once(units_, model_.num_examples(), "patients' gradients");
    if (count() > most_patients_) {
      throw Error(error::invalid_data, "patients' gradients: there are " + std::to_string(count()) +
                                           " patients, more than the public bound of " +
                                           std::to_string(most_patients_) + " (most_patients)");
    }
  }

  /// \throws Error (`layout_mismatch`), (`not_finite`) for parameters that are not of the model or not finite; (`invalid_argument`) for a clip,
  ///   grid or number outside its range; (`refused`) for a request that allows for fewer patients than the public bound. All before gradients
  ///   are made
  [[nodiscard]] PatientGradients::Reply operator()(const Request<PatientGradients::Broadcast>& request,
                                                   std::stop_token /*stop*/) {
    const Parameters<double>& at = request->parameters;
    require_layout(model_.layout(), at.layout(), "the request to client ", request.client.str());
    if (!all_finite(at.span()))
      throw Error(error::not_finite,
                  "the request to client " + request.client.str() + " has NaN or infinity");
    PatientGradients::validate(*request);
    if (request->most_patients < most_patients_) {
      throw Error(error::refused,
                  "client " + request.client.str() + " may have up to " + std::to_string(most_patients_) +
                      " patients, and the request allows for " + std::to_string(request->most_patients));
    }
    std::vector<std::size_t> all(count());
    std::iota(all.begin(), all.end(), std::size_t{0});
    ClippedGradientSum sum(at.size(), request->clip, request->grid_bits);
    healthai::detail::add_unit_gradients(model_, at, units_, std::span<const std::size_t>(all), sum);
    PatientGradients::Reply reply{Parameters<double>(at.layout())};
    for (std::size_t j = 0; j < at.size(); ++j)
      reply.sum.data()[j] = static_cast<double>(sum.sums()[j]) * sum.step();
    return reply;
  }

 private:
  [[nodiscard]] std::size_t count() const { return units_.empty() ? model_.num_examples() : units_.size(); }

  M model_;
  Units units_;
  std::uint64_t most_patients_;
};

}  // namespace healthai::secagg
