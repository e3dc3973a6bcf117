#include "healthai/server/observer.hpp"

#include <doctest/doctest.h>

namespace server_observer_test {

using namespace healthai;

namespace {
struct OnlyRound {
  void on_round(const RoundReport&) {}
};
struct WrongArgument {
  void on_round(int) {}
};
struct Nothing {};
static_assert(Observer<OnlyRound>);
static_assert(!Observer<WrongArgument> && !Observer<Nothing>);
}  // namespace

TEST_CASE("what an observer throws becomes a line") {
  std::vector<std::string> errors;
  auto throws = [](const RoundReport&) { throw 5; };  // NOLINT(hicpp-exception-baseclass): on purpose
  detail::notify_round(throws, RoundReport{}, errors);
  CHECK(errors == std::vector<std::string>{"on_round: an exception that is not a std::exception"});
}

}  // namespace server_observer_test
