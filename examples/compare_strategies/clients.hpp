#pragma once

#include <healthai/client/concept.hpp>
#include <memory>
#include <stop_token>
#include <utility>

#include "compare_strategies/models.hpp"

namespace compare {

/// The model that a client would use itself: the global one, unless it keeps something of its own.
template <class C>
Parameters<double> own_model(const C& /*client*/, const Parameters<double>& global) {
  return global;
}
/// A client of a kind that is known at run time only. Copies are the same client, so that one can look at what it keeps.
class AnyClient {
  struct Some {
    virtual ~Some() = default;
    virtual healthai::TrainReply<double> train(const healthai::TrainRequest<double>&, std::stop_token) = 0;
    virtual healthai::EvaluateReply evaluate(const healthai::EvaluateRequest<double>&, std::stop_token) = 0;
    [[nodiscard]] virtual healthai::ObjectiveParts honours() const = 0;
    [[nodiscard]] virtual Parameters<double> model(const Parameters<double>& global) const = 0;
  };
  template <class C>
  struct Of final : Some {
    explicit Of(C some) : client(std::move(some)) {}
    healthai::TrainReply<double> train(const healthai::TrainRequest<double>& request,
                                       std::stop_token stop) override {
      return client.train(request, std::move(stop));
    }
    healthai::EvaluateReply evaluate(const healthai::EvaluateRequest<double>& request,
                                     std::stop_token stop) override {
      return client.evaluate(request, std::move(stop));
    }
    [[nodiscard]] healthai::ObjectiveParts honours() const override {
      return healthai::honoured_parts(client);
    }
    [[nodiscard]] Parameters<double> model(const Parameters<double>& global) const override {
      if constexpr (requires { client.inner().model(global); }) {
        return client.inner().model(global);  // compressed, around another AnyClient
      } else {
        return own_model(client, global);
      }
    }
    C client;
  };

 public:
  using Scalar = double;
  template <class C>
  static AnyClient of(C client) {
    return AnyClient(std::make_shared<Of<C>>(std::move(client)));
  }
  healthai::TrainReply<double> train(const healthai::TrainRequest<double>& request, std::stop_token stop) {
    return client_->train(request, std::move(stop));
  }
  healthai::EvaluateReply evaluate(const healthai::EvaluateRequest<double>& request, std::stop_token stop) {
    return client_->evaluate(request, std::move(stop));
  }
  [[nodiscard]] healthai::ObjectiveParts honours() const { return client_->honours(); }
  [[nodiscard]] Parameters<double> model(const Parameters<double>& global) const {
    return client_->model(global);
  }

 private:
  explicit AnyClient(std::shared_ptr<Some> client) : client_(std::move(client)) {}
  std::shared_ptr<Some> client_;
};

}  // namespace compare
