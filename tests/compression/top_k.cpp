#include "healthai/compression/top_k.hpp"

#include "support.hpp"

namespace compression_top_k_test {

using namespace healthai;
using namespace compressing;

TEST_CASE("the largest magnitudes are kept as they are; of equals, the first") {
  CHECK(through(TopK{.count = 2}, std::vector<double>{1, -3, 2, 0, -2.5}) ==
        std::vector<double>{0, -3, 0, 0, -2.5});
  CHECK(through(TopK{.count = 3}, std::vector<double>{1, -2, 2, -1, 2, 2}) ==
        std::vector<double>{0, -2, 2, 0, 2, 0});
  CHECK(through(TopK{.share = 0.5}, std::vector<float>{0, 0, 0, 0}) == std::vector<float>{0, 0, 0, 0});
  CHECK(through(TopK{}, std::vector<float>{}).empty());
}

TEST_CASE("the bytes, by hand") {
  std::vector<float> values(400);
  values[3] = 1;
  values[131] = 2;   // 127 skipped
  values[260] = -3;  // 128 skipped
  const auto bytes = encoded(TopK{.count = 3}, values);
  CHECK(bytes.size() == 8 + 3 * 4 + 1 + 1 + 2);
  CHECK(bytes[0] == std::byte{3});
  CHECK(bytes[20] == std::byte{3});
  CHECK(bytes[21] == std::byte{127});
  CHECK(bytes[22] == std::byte{0x80});
  CHECK(bytes[23] == std::byte{1});
}

TEST_CASE("what is lost is at most the part 1 - k/d, and what is kept is exact") {
  CHECK(rc::check([] {
    const auto values = any_vector();
    const std::size_t k = *rc::gen::inRange<std::size_t>(1, 20);
    const auto kept = through(TopK{.count = k}, values);
    const auto d = static_cast<double>(values.size());
    const double share = values.empty() ? 1 : std::fmin(1, static_cast<double>(k) / d);
    RC_ASSERT(squared_distance(values, kept) <= (1 - share) * squared_length(values) * (1 + 1e-12));
    std::size_t nonzero = 0;
    double smallest_kept = std::numeric_limits<double>::infinity(), largest_lost = 0;
    for (std::size_t i = 0; i < values.size(); ++i) {
      RC_ASSERT(kept[i] == 0 || kept[i] == values[i]);
      if (kept[i] != 0) {
        ++nonzero;
        smallest_kept = std::fmin(smallest_kept, std::abs(kept[i]));
      } else {
        largest_lost = std::fmax(largest_lost, std::abs(values[i]));
      }
    }
    RC_ASSERT(nonzero <= k);
    RC_ASSERT(largest_lost <= smallest_kept);
    if (k >= values.size()) RC_ASSERT(kept == values);
  }));
}

TEST_CASE("hostile bytes") {
  attack(TopK{.count = 3}, std::vector<float>{1, -3, 2, 0, -2.5F, 7, 0, 0, 1});
  std::vector<double> wide(300);
  wide[0] = wide[150] = wide[299] = 1;
  attack(TopK{.count = 3}, wide);
  // More values promised than there are bytes, and indices that never end.
  std::vector<std::byte> bytes(8, std::byte{0xFF});
  CHECK(refusal<float, TopK>(bytes, 4) == "archive_limit");
  bytes = encoded(TopK{.count = 1}, std::vector<float>{1});
  bytes.back() = std::byte{0xFF};
  for (int i = 0; i < 20; ++i) bytes.push_back(std::byte{0xFF});
  CHECK(refusal<float, TopK>(bytes, 1) == "archive_corrupt");
}

TEST_CASE("settings outside their range") {
  refused(TopK{.share = 0});
  refused(TopK{.count = 0});
}

}  // namespace compression_top_k_test
