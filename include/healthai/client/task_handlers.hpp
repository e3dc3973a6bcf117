#pragma once

#include <concepts>
#include <cstddef>
#include <functional>
#include <memory>
#include <span>
#include <stop_token>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include "healthai/client/concept.hpp"
#include "healthai/client/curvature_bound.hpp"
#include "healthai/core/task.hpp"
#include "healthai/serialization/archive.hpp"

namespace healthai {

namespace detail {
/// Tells whether a class has Boost.Serialization's member `serialize`.
struct ArchiveArchetype {
  using is_saving = std::true_type;
  using is_loading = std::false_type;
};
template <class C>
concept HasState = requires(C& client, ArchiveArchetype& archive) {
  client.serialize(archive, 0U);
};

/// Names of tasks for a message: "train.f64, evaluate.f64".
[[nodiscard]] inline std::string task_list(const std::vector<std::string>& names) {
  std::string text;
  for (const std::string& name : names) text += (text.empty() ? "" : ", ") + name;
  return text.empty() ? "nothing" : text;
}

/// The address of a variable of its own for every type: identity of a type without RTTI.
template <class T>
inline constexpr char type_tag = 0;
}  // namespace detail

/// What a client offers: a function for each task. The one place where types are erased between a coordinator and its
/// clients, so that clients of different classes share a transport and a transport knows no training.
///
///     TaskHandlers handlers = TaskHandlers::of(MyClient{...});            // train and evaluate
///     handlers.offer<ColumnMoments>([table](const Request<...>& request, std::stop_token) { return ...; });
///
/// A value with shared ownership of the client: copies call the same one. Thread safety: one call at a time.
class TaskHandlers {
 public:
  TaskHandlers() = default;

  /// Offers `train` and `evaluate` of a Client, for float, for double or for both, as the class has them; and
  /// CurvatureBound if it can answer that.
  template <class C>
  [[nodiscard]] static TaskHandlers of(C client) {
    static_assert(
        Client<C, double> || Client<C, float>,
        "healthai: this class is not a Client. It needs `TrainReply<double> train(const "
        "TrainRequest<double>&, "
        "std::stop_token)` and `EvaluateReply evaluate(const EvaluateRequest<double>&, std::stop_token)` "
        "(or the same for float); see docs/how-to-write-a-client.md");
    TaskHandlers handlers;
    if constexpr (Client<C, double> || Client<C, float>) {
      auto shared = std::make_shared<C>(std::move(client));
      if constexpr (Client<C, double>) handlers.template offer_training<double>(shared);
      if constexpr (Client<C, float>) handlers.template offer_training<float>(shared);
      if constexpr (BoundsItsCurvature<C>) {
        handlers.offer<CurvatureBound>([shared](const Request<CurvatureBound::Broadcast>&, std::stop_token) {
          return shared->curvature();
        });
      }
      if constexpr (detail::HasState<C>) {
        handlers.save_ = [shared] { return to_bytes(*shared); };
        handlers.restore_ = [shared](std::span<const std::byte> bytes) {
          SpanSource source(bytes);
          BinaryReader reader(source);
          reader >> *shared;
          reader.finish();
        };
      }
    }
    return handlers;
  }

  /// Offers task T: `handler(const Request<T::Broadcast>&, std::stop_token) -> T::Reply`. Replaces an earlier one.
  template <Task T, class Handler>
  TaskHandlers& offer(Handler handler) {
    static_assert(
        std::is_invocable_r_v<typename T::Reply, Handler&, const Request<typename T::Broadcast>&,
                              std::stop_token>,
        "healthai: a handler for task T is called as handler(const Request<T::Broadcast>&, std::stop_token) "
        "and returns T::Reply");
    std::erase_if(offers_, [](const Offer& offer) { return offer.name == T::name; });
    offers_.push_back(
        {T::name, &detail::type_tag<T>, std::make_shared<HandlerOf<T, Handler>>(std::move(handler))});
    return *this;
  }

  template <Task T>
  [[nodiscard]] bool offers() const noexcept {
    return find<T>() != nullptr;
  }

  /// Runs the handler for T. \throws Error (`unsupported_task`), and whatever the handler throws.
  template <Task T>
  [[nodiscard]] typename T::Reply handle(const Request<typename T::Broadcast>& request,
                                         std::stop_token stop) const {
    AnyHandler* handler = find<T>();
    if (handler == nullptr) {
      std::vector<std::string> offered;
      for (const Offer& offer : offers_) offered.emplace_back(offer.name);
      throw Error(error::unsupported_task, "client " + request.client.str() + " does not offer the task " +
                                               std::string(T::name) +
                                               "; it offers: " + detail::task_list(offered));
    }
    typename T::Reply reply;
    handler->call(&request, &reply, std::move(stop));
    return reply;
  }

  /// The client's state is that of `other`, which stands behind these handlers: a wrapper offers tasks of its own, and the state is of the
  /// client in it.
  TaskHandlers& with_state_of(const TaskHandlers& other) {
    save_ = other.save_;
    restore_ = other.restore_;
    return *this;
  }

  /// Whether the client has state that must survive a restart.
  [[nodiscard]] bool stateful() const noexcept { return static_cast<bool>(save_); }
  /// That state, encoded; empty for a stateless client.
  [[nodiscard]] std::vector<std::byte> state() const { return save_ ? save_() : std::vector<std::byte>{}; }
  /// Puts the client back into a state that `state` returned. \throws Error (`archive_*`) for other bytes.
  void restore(std::span<const std::byte> bytes) const {
    if (restore_) restore_(bytes);
  }

 private:
  struct AnyHandler {
    AnyHandler() = default;
    AnyHandler(const AnyHandler&) = delete;
    AnyHandler& operator=(const AnyHandler&) = delete;
    virtual ~AnyHandler() = default;
    virtual void call(const void* request, void* reply, std::stop_token stop) = 0;
  };
  template <class T, class Handler>
  struct HandlerOf final : AnyHandler {
    explicit HandlerOf(Handler from) : handler(std::move(from)) {}
    void call(const void* request, void* reply, std::stop_token stop) override {
      *static_cast<typename T::Reply*>(reply) =
          handler(*static_cast<const Request<typename T::Broadcast>*>(request), std::move(stop));
    }
    Handler handler;
  };
  struct Offer {
    std::string_view name;
    // Of the task type: two could share a name by mistake, and memory must not be read as another type.
    const void* tag;
    std::shared_ptr<AnyHandler> handler;  // copies of a TaskHandlers speak for the same client
  };

  template <Task T>
  [[nodiscard]] AnyHandler* find() const noexcept {
    for (const Offer& offer : offers_) {
      if (offer.tag == &detail::type_tag<T>) return offer.handler.get();
    }
    return nullptr;
  }

  template <class Scalar, class C>
  void offer_training(const std::shared_ptr<C>& client) {
    offer<Train<Scalar>>([client](const TrainRequest<Scalar>& request, std::stop_token stop) {
      const std::string missing = honoured_parts(*client).missing(request->objective.needs());
      if (!missing.empty()) {
        const ObjectiveParts needs = request->objective.needs();
        const ObjectiveParts has = honoured_parts(*client);
        std::string fix;
        if (needs.control_variates && !has.control_variates) {
          fix = "wrap the client, which must honour a linear correction: ControlVariates{client}";
        } else if (needs.dynamic_regularisation && !has.dynamic_regularisation) {
          fix =
              "wrap the client, which must honour the proximal term and a linear correction: "
              "DynamicRegularisation{client}";
        } else if (needs.update_clip && !has.update_clip) {
          fix = "wrap the client: Clipped{client}";
        } else {
          fix = "teach its training code that part of the objective";
        }
        throw Error(error::refused,
                    "client " + request.client.str() + " does not honour: " + missing +
                        ". Its class says so in honours(); use a strategy that needs less, or " + fix);
      }
      return client->train(request, std::move(stop));
    });
    offer<Evaluate<Scalar>>([client](const EvaluateRequest<Scalar>& request, std::stop_token stop) {
      return client->evaluate(request, std::move(stop));
    });
  }

  std::vector<Offer> offers_;
  std::function<std::vector<std::byte>()> save_;
  std::function<void(std::span<const std::byte>)> restore_;
};

}  // namespace healthai
