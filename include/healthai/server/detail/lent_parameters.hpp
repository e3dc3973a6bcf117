#pragma once

#include <memory>
#include <mutex>
#include <utility>

#include "healthai/core/training.hpp"

namespace healthai::detail {

/// Global parameters that are in a broadcast for as long as a round takes, rather than copied into it: with a large model that
/// is one model's memory less. They come back when this object ends: moved, or copied if somebody still holds the broadcast.
template <class Scalar>
class LentParameters {
 public:
  /// \param parameters  empty until they come back
  /// \param broadcast   all but its parameters
  LentParameters(Parameters<Scalar>& parameters, TrainBroadcast<Scalar> broadcast)
      : parameters_(parameters), lent_(std::make_shared<Lent>()) {
    lent_->broadcast = std::move(broadcast);
    lent_->broadcast.parameters = std::move(parameters);
  }
  LentParameters(const LentParameters&) = delete;
  LentParameters& operator=(const LentParameters&) = delete;
  ~LentParameters() {
    const std::lock_guard lock(lent_->mutex);
    if (lent_->held) {
      parameters_ = std::as_const(lent_->broadcast.parameters);
    } else {
      parameters_ = std::move(lent_->broadcast.parameters);
    }
  }

  /// Once. What is returned may live on.
  [[nodiscard]] std::shared_ptr<const TrainBroadcast<Scalar>> broadcast() {
    lent_->held = true;
    return {
        &lent_->broadcast, [lent = lent_](const TrainBroadcast<Scalar>*) {
          const std::lock_guard lock(lent->mutex);  // whatever its last holder did comes before what we do
          lent->held = false;
        }};
  }
  [[nodiscard]] const Layout& layout() const noexcept { return lent_->broadcast.parameters.layout(); }

 private:
  struct Lent {
    std::mutex mutex{};
    TrainBroadcast<Scalar> broadcast{};
    bool held = false;
  };
  Parameters<Scalar>& parameters_;
  std::shared_ptr<Lent> lent_;
};

}  // namespace healthai::detail
