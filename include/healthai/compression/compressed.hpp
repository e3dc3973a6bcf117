#pragma once

#include <cstddef>
#include <span>
#include <stop_token>
#include <string>
#include <string_view>
#include <utility>

#include "healthai/client/concept.hpp"
#include "healthai/client/curvature_bound.hpp"
#include "healthai/client/detail/inner.hpp"
#include "healthai/compression/concept.hpp"
#include "healthai/core/compressed_update.hpp"
#include "healthai/core/error.hpp"
#include "healthai/core/finite.hpp"
#include "healthai/core/random.hpp"

namespace healthai {

/// How a Compressed client compresses, whatever the compressor.
struct Compression {
  /// Remember what was lost and add it to the next update. Without it biased compressors stall away from the optimum.
  bool error_feedback = true;
};

/// A client whose updates travel compressed, with error feedback (Seide, Fu, Droppo, Li, Yu: 1-Bit Stochastic Gradient Descent and
/// its Application to Data-Parallel Distributed Training of Speech DNNs, 2014; Karimireddy, Rebjock, Stich, Jaggi: Error
/// Feedback Fixes SignSGD and other Gradient Compression Schemes, 2019, algorithm 2), around any client:
///
///     hospitals.add("north", Compressed{LocalTrainer{model, {.learning_rate = 0.1}}, TopK{.share = 0.01}});
///
/// With u the inner client's update, e what it remembers (zero at first) and C the compressor it sends C(u + e) and remembers
///
///     e <- u + e - C(u + e)
///
/// so that whatever is lost in one round follows in a later one. If the number of examples, which weights the update, changes from n to
/// n', e is first multiplied by n / n', so that nothing is lost of the sum that the coordinator makes.
/// In the reply `compressed` takes the place of `update`; the coordinator decodes it before its checks. Only the update is
/// compressed: extra vectors, such as control variates, travel as they are, and wrappers that make them go inside this one.
/// An update that the coordinator is bound to reject (not finite, no rows, no steps) is sent as it is and changes nothing here.
/// When it rejects another one (unfinished work, say) what was sent in it is lost, as without compression.
///
/// Randomness comes from the stream (seed, compression, round, client), or (seed, compression, round) if the compressor is
/// additive. State: e, with what state the inner client has. Memory: one more model with error feedback, none without.
/// The coordinator knows the library's own compressors (see `decode`).
template <class C, class CompressorType, class Scalar_ = typename detail::ScalarOf<C>::type>
class Compressed {
  static_assert(Client<C, Scalar_>, "healthai: Compressed wraps a Client; see docs/how-to-write-a-client.md");
  static_assert(
      Compressor<CompressorType, Scalar_>,
      "healthai: the second argument of Compressed is not a Compressor such as TopK{.share = 0.01}; "
      "see compression/concept.hpp");

 public:
  using Scalar = Scalar_;
  /// Whether its replies can be summed as they are: see Compressor.
  static constexpr bool additive = CompressorType::additive;

  /// \throws Error (`invalid_argument`) for a hyperparameter outside its range, or for error feedback with a compressor that may
  /// lose more than there is, with which the remembered error would grow without end.
  explicit Compressed(C client, CompressorType compressor = {}, Compression options = {})
      : client_(std::move(client)), compressor_(std::move(compressor)), options_(options) {
    compressor_.validate();
    if (options_.error_feedback && !compressor_.contracts()) {
      throw Error(
          error::invalid_argument,
          "with these settings the compressor " + std::string(CompressorType::name) +
              " may lose more than there is, so that error feedback would not converge: say "
              "{.error_feedback = false}, or choose more levels, smaller buckets or no unbiased scaling");
    }
  }

  [[nodiscard]] constexpr ObjectiveParts honours() const { return honoured_parts(client_); }
  [[nodiscard]] const C& inner() const noexcept { return client_; }
  /// e; of the empty layout before the first request and without error feedback.
  [[nodiscard]] const Parameters<Scalar>& remembered_error() const noexcept { return error_; }

  /// \throws Error (`layout_mismatch`); what the inner client throws
  [[nodiscard]] TrainReply<Scalar> train(const TrainRequest<Scalar>& request, std::stop_token stop) {
    TrainReply<Scalar> reply = client_.train(request, std::move(stop));
    const Layout& layout = request->parameters.layout();
    require_layout(layout, reply.update.layout(), "the update of client ", request.client.str());
    const bool no_work = reply.partial && reply.local_steps == 0;
    if (no_work || !is_finite(reply.num_examples) || reply.num_examples <= 0) return reply;
    if (options_.error_feedback && error_.size() != 0) {
      require_layout(layout, error_.layout(), "the remembered error of client ", request.client.str());
      reply.update.flat() += static_cast<Scalar>(num_examples_ / reply.num_examples) * error_.flat();
    }
    if (!all_finite<Scalar>(reply.update.span())) return reply;
    const Parameters<Scalar>& whole = reply.update;
    Stream stream(request->seed, Purpose::compression, request->id.round,
                  CompressorType::additive ? std::string_view() : std::string_view(request.client.str()));
    CompressedUpdate compressed{std::string(CompressorType::name), layout.fingerprint(),
                                compressor_.encode(whole.span(), stream)};
    if (options_.error_feedback) {
      auto decoded = Parameters<Scalar>::uninitialised(layout);
      CompressorType::decode(std::span<const std::byte>(compressed.bytes), decoded.span());
      decoded.flat() = whole.flat() - decoded.flat();
      error_ = std::move(decoded);
      num_examples_ = reply.num_examples;
    }
    reply.update = {};
    reply.compressed = std::move(compressed);
    return reply;
  }

  [[nodiscard]] EvaluateReply evaluate(const EvaluateRequest<Scalar>& request, std::stop_token stop) {
    return client_.evaluate(request, std::move(stop));
  }
  [[nodiscard]] CurvatureReply curvature() const requires BoundsItsCurvature<C> {
    return client_.curvature();
  }

  template <class Archive>
  void serialize(Archive& archive, unsigned /*version*/) {
    archive& error_& num_examples_;
    detail::serialize_inner(archive, client_);
  }

 private:
  C client_;
  CompressorType compressor_;
  Compression options_;
  Parameters<Scalar> error_{};
  double num_examples_ = 0;  // of the reply that left the error
};

}  // namespace healthai
