// A hospital's own training code behind the Client concept: no model of the library, no base class, its own data.
#include <cstdio>
#include <healthai/healthai.hpp>
#include <stdexcept>

#include "own_training_code/stay_model.hpp"
#include "own_training_code/worker_threads.hpp"

using namespace healthai;

// [client]
class StayClient {
 public:
  static Layout layout() { return Layout{{"weights", {3}}}; }

  explicit StayClient(StayModel model) : model_(std::move(model)) {}

  // What of a strategy's wishes the code above can fulfil. Anything else is refused in the hospital's name.
  static ObjectiveParts honours() { return {.proximal = true}; }

  TrainReply<double> train(const TrainRequest<double>& request, std::stop_token stop) {
    const Weights global = read(request->parameters);
    Weights local = global;
    TrainReply<double> reply;
    while (reply.local_steps < 5 && !stop.stop_requested()) {
      model_.sweep(local, global, request->objective.proximal_mu);
      ++reply.local_steps;
    }
    reply.partial = reply.local_steps < 5;  // stopped early: hand in what there is
    reply.update = Parameters<double>(layout());
    for (std::size_t j = 0; j < local.size(); ++j) reply.update.data()[j] = local[j] - global[j];
    reply.num_examples = static_cast<double>(model_.stays.size());
    return reply;
  }

  EvaluateReply evaluate(const EvaluateRequest<double>& request, std::stop_token) {
    const Weights w = read(request->parameters);
    double squares = 0;
    for (const Stay& stay : model_.stays) {
      const double error = stay.days - StayModel::predict(w, stay);
      squares += error * error;
    }
    EvaluateReply reply{static_cast<double>(model_.stays.size()), {}};
    reply.metrics.add("squared error", squares, reply.num_examples);  // as a fraction, so that it adds up
    return reply;
  }

 private:
  static Weights read(const Parameters<double>& parameters) {
    require_layout(layout(), parameters.layout(), "length-of-stay model");
    return {parameters.data()[0], parameters.data()[1], parameters.data()[2]};
  }
  StayModel model_;
};
// [/client]

// [failure]
// The database of a hospital is down for one night: its client throws, the round goes on without it.
struct DownInRoundTwo : StayClient {
  using StayClient::StayClient;
  TrainReply<double> train(const TrainRequest<double>& request, std::stop_token stop) {
    if (request->id.round == 2) throw std::runtime_error("the database is down for maintenance");
    return StayClient::train(request, stop);
  }
};
// [/failure]

void print(const RoundReport& report) {
  std::printf("round %d: %d hospitals", static_cast<int>(report.round),
              static_cast<int>(report.participants.size()));
  if (report.evaluation) std::printf(", squared error %.4f", report.evaluation->clients["squared error"]);
  if (!report.error.empty()) std::printf(", model unchanged: %s", report.error.c_str());
  std::printf("\n");
  for (const Failure& failure : report.failures) std::printf("  failed: %s\n", failure.message.c_str());
}

void add_hospitals(InProcess& transport) {
  transport.add("north", StayClient(simulated(1, 80, -0.5)));
  transport.add("south", DownInRoundTwo(simulated(2, 200, 0.0)));
  transport.add("coast", StayClient(simulated(3, 40, 1.0)));
}

// The library has the loop, and brings its own threads.
void let_it_run() {
  InProcess hospitals;
  add_hospitals(hospitals);
  // [run]
  Federation federation{
      FedProx{.mu = 0.1}, hospitals, {.rounds = 4, .quorum = 2, .evaluation = {.every = 1}}};
  const auto outcome = federation.run(Parameters<double>(StayClient::layout()), print);
  // [/run]
  const auto w = outcome.parameters.flat();
  std::printf("days = %.3f + %.3f age + %.3f severity\n\n", w[0], w[1], w[2]);
}

// The application has the loop and the threads, and may be closed at any time.
void step_by_step() {
  // [own loop]
  WorkerThreads application(2);
  std::stop_source closing;  // requested from any thread, such as the one of the user interface

  InProcess hospitals({.threads = 2, .executor = [&application](std::function<void()> work) {
                         application.post(std::move(work));
                       }});
  add_hospitals(hospitals);
  Federation federation{FedProx{.mu = 0.1}, hospitals, {.rounds = 100, .quorum = 2}};
  federation.start(Parameters<double>(StayClient::layout()));
  while (!federation.ended() && !closing.stop_requested()) {
    if (federation.completed_rounds() == 3) closing.request_stop();  // here: the user closes the window
    print(federation.step(closing.get_token()));
  }
  // [/own loop]
  std::printf("closed after %d rounds; the model is that of round 3\n",
              static_cast<int>(federation.completed_rounds()));
}

int main() {
  let_it_run();
  step_by_step();
}
