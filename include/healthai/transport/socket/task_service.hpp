#pragma once

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <span>
#include <stop_token>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include "healthai/client/node/request_facts.hpp"
#include "healthai/client/task_handlers.hpp"
#include "healthai/core/training.hpp"
#include "healthai/crypto/sha256.hpp"
#include "healthai/transport/socket/service.hpp"

namespace healthai {

/// The tasks that a client offers, as a Service: no policy, no log, and nothing that survives a restart (see Node for those).
/// For tests, and for programs that are coordinator and client in one hand.
///
///     TaskService service{"north", TaskHandlers::of(LocalTrainer{...})};
///     serve(service, {.host = "localhost", .port = 7443, .plaintext = true});
class TaskService : public Service {
 public:
  /// Serves training, evaluation and CurvatureBound as far as the handlers offer them.
  TaskService(ClientId id, TaskHandlers handlers) : id_(std::move(id)), handlers_(std::move(handlers)) {
    serve_if_offered<Train<double>>();
    serve_if_offered<Train<float>>();
    serve_if_offered<Evaluate<double>>();
    serve_if_offered<Evaluate<float>>();
    serve_if_offered<CurvatureBound>();
  }
  /// Serves a further task, which the handlers offer.
  template <Task T>
  TaskService& serve_task() {
    makers_[std::string(T::name)] = [this] { return std::make_unique<ExchangeOf<T>>(*this); };
    return *this;
  }

  [[nodiscard]] const ClientId& id() const noexcept override { return id_; }
  [[nodiscard]] std::vector<std::string> tasks() const override {
    std::vector<std::string> names;
    for (const auto& [name, make] : makers_) names.push_back(name);
    return names;
  }
  [[nodiscard]] std::unique_ptr<ServiceRequest> open(std::string_view task) override {
    const auto found = makers_.find(std::string(task));
    if (found == makers_.end()) {
      throw Error(error::unsupported_task, "client " + id_.str() + " does not offer the task \"" +
                                               std::string(task) +
                                               "\"; it offers: " + detail::task_list(tasks()));
    }
    return found->second();
  }

 protected:
  /// One request and its reply, whatever their types.
  class Exchange : public ServiceRequest {
   public:
    explicit Exchange(TaskService& service) : service_(service) {}
    std::shared_ptr<const EncodedMessage> answer(std::stop_token stop) final {
      return service_.answer(*this, std::move(stop));
    }
    void accepted() final { service_.accepted(*this); }
    void discarded() final { service_.discarded(*this); }

    /// What a policy judges, `coordinator` and `approved` excepted. Reads all of the request.
    [[nodiscard]] virtual RequestFacts facts() const = 0;
    /// Calls the handler. \param metrics  whether they may leave \throws what the handler throws
    [[nodiscard]] virtual std::shared_ptr<const EncodedMessage> handle(std::stop_token stop,
                                                                       bool metrics) = 0;

    std::vector<std::byte> before{};  ///< the client's state before it was handled
    RequestKey key{};                 ///< which request it is, for a Node
    std::uint64_t change = 0;         ///< the number of its change of that state; 0: none

   private:
    TaskService& service_;
  };

  virtual std::shared_ptr<const EncodedMessage> answer(Exchange& exchange, std::stop_token stop) {
    exchange.before = handlers_.state();
    try {
      auto reply = exchange.handle(std::move(stop), true);
      if (handlers_.state() != exchange.before) exchange.change = ++changes_;
      return reply;
    } catch (...) {
      handlers_.restore(exchange.before);
      throw;
    }
  }
  virtual void accepted(Exchange& exchange) { exchange.before = {}; }
  virtual void discarded(Exchange& exchange) {
    if (exchange.change != 0 && exchange.change == changes_) handlers_.restore(exchange.before);
  }
  [[nodiscard]] const TaskHandlers& handlers() const noexcept { return handlers_; }

 private:
  template <Task T>
  class ExchangeOf final : public Exchange {
   public:
    explicit ExchangeOf(TaskService& service) : Exchange(service), service_(service) {}

    std::vector<std::span<std::byte>> take_head(std::span<const std::byte> head,
                                                std::uint64_t array_bytes) override {
      head_.assign(head.begin(), head.end());
      places_ = decode_head(head, array_bytes, *broadcast_);
      return places_;
    }
    [[nodiscard]] RequestFacts facts() const override {
      RequestFacts facts;
      facts.task = T::name;
      describe<T>(*broadcast_, facts);
      if constexpr (requires { T::secure_step; }) {
        facts.step = T::name;
        facts.task.clear();
        facts.secure_step = T::secure_step;
        facts.secure_aggregation = true;
      }
      if constexpr (requires { typename T::Work; }) {  // of a secure sum: what a policy judges is the work
        using Work = typename T::Work;
        facts.task = Work::name;
        describe<Work>(*broadcast_->work, facts);
        facts.threshold = static_cast<std::size_t>(broadcast_->terms.parameters.threshold);
        facts.opener = broadcast_->terms.opener;
        const auto& noise = broadcast_->terms.plan.noise();
        if (noise.on() && broadcast_->terms.plan.segments() != 0) {
          facts.sum_noise = noise.mechanism();
          facts.sum_noise_for_patients = noise.most_patients != 0;
        }
        for (const auto& number : broadcast_->terms.plan.scalars())
          facts.metrics_in_sum = facts.metrics_in_sum || number.name.starts_with("metric/");
      }
      Sha256 digest;
      digest.update(T::name).update(head_);
      for (const auto& place : places_) digest.update(place);
      facts.digest = digest.finish();
      return facts;
    }
    [[nodiscard]] std::shared_ptr<const EncodedMessage> handle(std::stop_token stop, bool metrics) override {
      auto reply = std::make_shared<typename T::Reply>(
          service_.handlers_.template handle<T>({broadcast_, service_.id_}, std::move(stop)));
      if constexpr (requires { reply->metrics = Metrics(); }) {
        if (!metrics) reply->metrics = Metrics();
      }
      return encode(std::shared_ptr<const typename T::Reply>(std::move(reply)));
    }

   private:
    template <class Work>
    static void describe(const typename Work::Broadcast& broadcast, RequestFacts& facts) {
      if constexpr (requires {
                      { broadcast.id } -> std::convertible_to<RoundId>;
                    }) {
        facts.run = broadcast.id.run;
        facts.round = broadcast.id.round;
        facts.attempt = broadcast.id.attempt;
      }
      if constexpr (requires { broadcast.parameters.size(); }) facts.parameters = broadcast.parameters.size();
      if constexpr (requires { broadcast.objective.needs(); }) {
        facts.needs = broadcast.objective.needs();
        facts.local_steps = broadcast.objective.local_steps;
        facts.learning_rate = broadcast.objective.learning_rate;
        if (broadcast.objective.proximal_mu != 0) facts.proximal_mu = broadcast.objective.proximal_mu;
      }
      facts.metrics_only = std::is_same_v<typename Work::Reply, EvaluateReply>;
    }

    TaskService& service_;
    std::shared_ptr<typename T::Broadcast> broadcast_ = std::make_shared<typename T::Broadcast>();
    std::vector<std::byte> head_;  // with the arrays, what was received
    std::vector<std::span<std::byte>> places_;
  };

  template <Task T>
  void serve_if_offered() {
    if (handlers_.template offers<T>()) serve_task<T>();
  }

  ClientId id_;
  TaskHandlers handlers_;
  std::map<std::string, std::function<std::unique_ptr<ServiceRequest>()>> makers_;
  std::uint64_t changes_ = 0;  // of the client's state
};

}  // namespace healthai
