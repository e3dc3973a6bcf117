#pragma once

#include <doctest/doctest.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <set>
#include <string>
#include <vector>

#include "healthai/core/random.hpp"
#include "healthai/server/federation.hpp"
#include "healthai/strategy/fedavg.hpp"
#include "healthai/transport/in_process.hpp"
#include "secagg/silences.hpp"
#include "secagg/steps.hpp"

namespace secagg_steps_test {

/// Who falls silent in which step of which round, at random.
class DropOuts {
 public:
  /// Eight rounds: nobody in the first; in three rounds as many as may; in the fifth one more; in the sixth as many as may, for good; in the
  /// seventh nobody else; and in the eighth one of those who are just enough.
  DropOuts(std::size_t count, std::size_t threshold, std::uint64_t seed) {
    Stream stream(seed, Purpose::test);
    const std::size_t spare = count - threshold;
    silences_.emplace_back(count, 6);
    for (const std::size_t silent : {spare, spare, spare, spare + 1, spare})
      silences_.push_back(secagg_test::random_silence(count, silent, stream));
    secagg_test::Silence gone = silences_.back();
    std::replace_if(
        gone.begin(), gone.end(), [](int step) { return step < 6; }, 1);
    silences_.push_back(gone);
    const auto last = std::find(gone.begin(), gone.end(), 6);
    *last = 1 + static_cast<int>(uniform_index(stream, 5));
    silences_.push_back(gone);
    leaving_ = 6;
    lost_ = {5, 8};
  }
  /// Four rounds of a sparse graph: nobody in the first; in the second as many as it is made for; in the third as many, for good; nobody else.
  [[nodiscard]] static DropOuts of_sparse_graph(std::size_t count, std::size_t most, std::uint64_t seed) {
    Stream stream(seed, Purpose::test);
    DropOuts all;
    all.silences_.emplace_back(count, 6);
    for (int round = 2; round <= 3; ++round)
      all.silences_.push_back(secagg_test::random_silence(count, most, stream));
    secagg_test::Silence gone = all.silences_.back();
    std::replace_if(
        gone.begin(), gone.end(), [](int step) { return step < 6; }, 1);
    all.silences_.push_back(gone);
    all.leaving_ = 3;
    return all;
  }
  [[nodiscard]] std::uint64_t rounds() const noexcept { return silences_.size(); }
  /// Who is silent in this round is so ever after.
  [[nodiscard]] std::uint64_t leaving() const noexcept { return leaving_; }
  /// In which step; 0: in none.
  [[nodiscard]] unsigned silent_in(std::uint64_t round, std::size_t member) const {
    const int step = silences_.at(static_cast<std::size_t>(round - 1)).at(member);
    return step < 6 ? static_cast<unsigned>(step) : 0;
  }
  /// Too few are left to open a sum.
  [[nodiscard]] bool lost(std::uint64_t round) const { return lost_.contains(round); }
  /// Those who have handed in a vector are in the sum, whatever they do then.
  [[nodiscard]] bool in_the_sum(std::uint64_t round, std::size_t member) const {
    const unsigned step = silent_in(round, member);
    return !lost(round) && (step == 0 || step > 3);
  }

  /// A run with these drop-outs must have the bits of the plain one among those who are in the sums.
  /// \param masked  what a Federation with FedAvg has made over secure sums of clients that are Exact
  template <class Outcome>
  void require_plain_bits(const Outcome& masked) const {
    const std::size_t count = silences_.front().size();
    InProcess here({.threads = 1});
    for (std::size_t i = 0; i < count; ++i) {
      Exact client{i, {}};
      for (std::uint64_t round = 1; round <= rounds(); ++round) {
        if (!in_the_sum(round, i)) client.absent.insert(round);
      }
      here.add(Keys::name(i), client);
    }
    Federation plain{FedAvg{}, here, {.rounds = rounds()}};
    const auto expected = plain.run(Parameters<double>(layout));
    REQUIRE(masked.history.size() == rounds());
    for (std::uint64_t round = 1; round <= rounds(); ++round) {
      INFO("round " << round);
      const RoundReport& one = masked.history[round - 1];
      const RoundReport& other = expected.history[round - 1];
      CHECK(one.participants == other.participants);
      CHECK(one.num_examples == other.num_examples);
      CHECK(one.update_norm == other.update_norm);
      CHECK(one.updated == !lost(round));
      if (!lost(round)) continue;
      const bool says_why = std::any_of(one.failures.begin(), one.failures.end(), [](const Failure& failure) {
        return (failure.error == "below_quorum" || failure.error == "secagg_shares") &&
               failure.message.find(" needed") != std::string::npos;
      });
      CHECK(says_why);
    }
    CHECK(std::equal(masked.parameters.span().begin(), masked.parameters.span().end(),
                     expected.parameters.span().begin(), expected.parameters.span().end()));
    CHECK(masked.parameters.flat().norm() > 0.1);
  }

 private:
  DropOuts() = default;

  std::vector<secagg_test::Silence> silences_{};
  std::uint64_t leaving_ = 0;
  std::set<std::uint64_t> lost_{};
};

}  // namespace secagg_steps_test
