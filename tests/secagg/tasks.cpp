#include "healthai/secagg/tasks.hpp"

#include <doctest/doctest.h>

#include <cstddef>
#include <memory>
#include <string>
#include <utility>

#include "healthai/core/training.hpp"
#include "healthai/serialization/encoded_message.hpp"
#include "healthai/serialization/frame.hpp"
#include "secagg/members.hpp"

namespace secagg_tasks_test {

using namespace secagg_test;

namespace {

/// What a message takes on a connection.
template <class T>
std::size_t on_the_wire(const T& message) {
  const auto encoded = encode(std::make_shared<const T>(message));
  return frame_header_size + encoded->head.size() + static_cast<std::size_t>(encoded->array_bytes());
}

}  // namespace

TEST_CASE("the steps of a secure sum are named after the task that is summed") {
  CHECK(Advertise<Train<double>>::name == "secagg." + std::string(Train<double>::name));
  CHECK(Advertise<Evaluate<double>>::name == "secagg." + std::string(Evaluate<double>::name));
}

TEST_CASE("on the wire a secure sum is little more than its vector") {
  constexpr std::size_t n = 10, parameters = 1'000'000;
  for (const unsigned bits : {32U, 64U}) {
    CAPTURE(bits);
    const Cohort cohort(n, {}, 5, bits);  // nobody looks at the other numbers of a vector
    const Run sum = run(cohort, Silence(n, 6));
    RingVector vector(bits, parameters);
    // Every class has its version in 4 bytes, every list its length in 8 (serialization/archive.hpp).
    const std::size_t key = 4 + 32;
    const std::size_t advertised = 4 + 2 * key + 32 + 64;                // two keys, the check, the signature
    const std::size_t shared = 4 + 8 + (n - 1) * (4 + 4 + 8 + 80 + 16);  // to whom, two shares of 40, the tag
    const std::size_t handed_in = 4 + 4 + 8 + parameters * bits / 8;
    const std::size_t confirmed = 4 + 64;
    const std::size_t released = 4 + 2 * 8 + n * (4 + 4 + 8 + 40);

    const auto session = cohort.session();
    Advertising advertising(session, 0, cohort.keys[0]);
    std::size_t bytes = on_the_wire(advertising.message());
    CHECK(bytes == frame_header_size + advertised);
    KeyList keys = sum.keys;
    keys[0].keys = advertising.message();
    const SharingSecrets sharing(std::move(advertising), keys);
    bytes += on_the_wire(ShareSecrets::Reply{sharing.message()});
    CHECK(bytes == 2 * frame_header_size + advertised + shared);
    bytes += on_the_wire(vector);
    bytes += on_the_wire(Confirm::Reply{});
    bytes += on_the_wire(*sum.released[0]);
    CHECK(bytes == 5 * frame_header_size + advertised + shared + handed_in + confirmed + released);
    CHECK(static_cast<double>(bytes) <= 1.01 * static_cast<double>(parameters * bits / 8));
  }
}

}  // namespace secagg_tasks_test
