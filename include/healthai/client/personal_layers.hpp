#pragma once

#include <algorithm>
#include <cstddef>
#include <stop_token>
#include <string>
#include <utility>
#include <vector>

#include "healthai/client/concept.hpp"
#include "healthai/client/curvature_bound.hpp"
#include "healthai/client/detail/inner.hpp"
#include "healthai/core/error.hpp"
#include "healthai/core/finite.hpp"

namespace healthai {

/// A client of which some tensors stay its own: it puts its own values of them in before it trains or evaluates, keeps what training
/// makes of them, and returns zero change. The batch normalisation layers of FedBN (Li, Jiang, Zhang, Kamp, Dou: FedBN: Federated
/// Learning on Non-IID Features via Local Batch Normalization, 2021), or the last layers of FedPer (Arivazhagan, Aggarwal, Singh,
/// Choudhary: Federated Learning with Personalization Layers, 2019):
///
///     hospitals.add("north", PersonalLayers{LocalTrainer{model}, {"output.weight", "output.bias"}});
///
/// Its own values begin as those of the first request. The names, in every client the same, are for the coordinator no secret, the
/// values are: the global model keeps those it began with. A proximal term pulls its own tensors towards where they were when the
/// round began.
///
/// State: its own values, with what state the inner client has. The inner client must not honour control variates or dynamic regularisation: put
/// this into ControlVariates or DynamicRegularisation, not the other way round; if it is the other way round, it refuses.
template <class C, class Scalar_ = typename detail::ScalarOf<C>::type>
class PersonalLayers {
  static_assert(Client<C, Scalar_>,
                "healthai: PersonalLayers wraps a Client; see docs/how-to-write-a-client.md");

 public:
  using Scalar = Scalar_;

  /// \param names  the tensors that stay. \throws Error (`invalid_argument`) without names
  PersonalLayers(C client, std::vector<std::string> names)
      : client_(std::move(client)), names_(std::move(names)) {
    if (names_.empty()) {
      throw Error(error::invalid_argument,
                  "PersonalLayers: name the tensors that stay at the client, or do without the wrapper");
    }
  }

  /// What the inner client honours, but for control variates and dynamic regularisation.
  [[nodiscard]] constexpr ObjectiveParts honours() const {
    ObjectiveParts parts = honoured_parts(client_);
    parts.control_variates = parts.dynamic_regularisation = false;
    return parts;
  }
  [[nodiscard]] const C& inner() const noexcept { return client_; }
  /// The tensors that stay.
  [[nodiscard]] const std::vector<std::string>& names() const noexcept { return names_; }
  /// Its own values, tensor by tensor in the order of the names; empty before the first training.
  [[nodiscard]] const std::vector<std::vector<Scalar>>& values() const noexcept { return values_; }

  /// \throws Error (`unknown_name`) when the model has no tensor of that name, (`layout_mismatch`), (`not_finite`)
  [[nodiscard]] TrainReply<Scalar> train(const TrainRequest<Scalar>& request, std::stop_token stop) {
    const auto own = with_own_values(request);
    const Layout& layout = own->parameters.layout();
    TrainReply<Scalar> reply = client_.train(own, std::move(stop));
    require_layout(layout, reply.update.layout(), "the update of client ", request.client.str());
    if (!all_finite<Scalar>(reply.update.span())) {
      throw Error(error::not_finite, "client " + request.client.str() +
                                         ": training gave NaN or infinity; try a smaller learning rate");
    }
    values_.resize(names_.size());
    for (std::size_t i = 0; i < names_.size(); ++i) {
      const std::size_t tensor = layout.index(names_[i]);
      const Scalar* const before = own->parameters.data() + layout.offset(tensor);
      Scalar* const change = reply.update.data() + layout.offset(tensor);
      values_[i].resize(layout.size(tensor));
      for (std::size_t j = 0; j < values_[i].size(); ++j) {
        values_[i][j] = before[j] + std::exchange(change[j], Scalar{0});
      }
      for (SummandVector<Scalar>& vector : reply.extra) {  // nor may they leave another way
        require_layout(layout, vector.values.layout(), "the extra vector ", vector.name);
        std::fill_n(vector.values.data() + layout.offset(tensor), layout.size(tensor), Scalar{0});
      }
    }
    return reply;
  }

  /// \throws Error (`unknown_name`, `layout_mismatch`)
  [[nodiscard]] EvaluateReply evaluate(const EvaluateRequest<Scalar>& request, std::stop_token stop) {
    return client_.evaluate(with_own_values(request), std::move(stop));
  }
  [[nodiscard]] CurvatureReply curvature() const requires BoundsItsCurvature<C> {
    return client_.curvature();
  }

  template <class Archive>
  void serialize(Archive& archive, unsigned /*version*/) {
    archive& values_;
    detail::serialize_inner(archive, client_);
  }

 private:
  template <class Broadcast>
  [[nodiscard]] Request<Broadcast> with_own_values(const Request<Broadcast>& request) const {
    return detail::changed(request, [&](Broadcast& broadcast) {
      Parameters<Scalar>& parameters = broadcast.parameters;
      const Layout& layout = parameters.layout();
      for (std::size_t i = 0; i < names_.size(); ++i) {
        const std::size_t tensor =
            layout.index(names_[i]);  // throws if there is none, before any training too
        if (values_.empty()) continue;
        if (i >= values_.size() || values_[i].size() != layout.size(tensor)) {
          throw Error(error::layout_mismatch,
                      "client " + request.client.str() + " keeps a tensor \"" + names_[i] +
                          "\" of another size than the request has; remove its old state");
        }
        std::copy(values_[i].begin(), values_[i].end(), parameters.data() + layout.offset(tensor));
      }
    });
  }

  C client_;
  std::vector<std::string> names_;
  std::vector<std::vector<Scalar>> values_;
};

}  // namespace healthai
