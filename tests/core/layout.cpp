#include "healthai/core/layout.hpp"

#include <doctest/doctest.h>

#include <limits>

namespace core_layout_test {

using namespace healthai;

TEST_CASE("a layout knows where each tensor lies") {
  const Layout layout{{"weight", {3, 4}}, {"bias", {4}}, {"scale", {}}};
  CHECK(layout.size() == 17);
  CHECK(layout.offset(layout.index("bias")) == 12);
  CHECK(layout.size(layout.index("scale")) == 1);
  CHECK(layout.describe() == "weight[3,4] bias[4] scale[]");
  CHECK(Layout().size() == 0);
}

TEST_CASE("layouts are equal when names, shapes and order are") {
  const Layout a{{"w", {2, 3}}};
  CHECK(a == Layout{{"w", {2, 3}}});
  for (const Layout& other :
       {Layout{{"w", {3, 2}}}, Layout{{"w", {6}}}, Layout{{"v", {2, 3}}}, Layout{{"w", {2, 3}}, {"b", {}}}}) {
    CHECK_FALSE(a == other);
    CHECK(a.fingerprint() != other.fingerprint());
  }
}

TEST_CASE("a layout that cannot be is refused") {
  const auto id_of = [](std::vector<Tensor> tensors) {
    try {
      const Layout layout(std::move(tensors));
    } catch (const Error& e) {
      return std::string(e.id().name());
    }
    return std::string("accepted");
  };
  constexpr auto huge = std::numeric_limits<std::size_t>::max() / 2;
  CHECK(id_of({{"", {1}}}) == "invalid_argument");
  CHECK(id_of({{"w", {1}}, {"w", {2}}}) == "invalid_argument");
  CHECK(id_of({{"w", {huge, 3}}}) == "overflow");
  CHECK(id_of({{"a", {huge / 20}}, {"b", {huge / 20}}, {"c", {huge}}}) == "overflow");
  CHECK(id_of({{"w", {0, 5}}}) == "accepted");
}

TEST_CASE("an unknown tensor is named together with those there are") {
  const Layout layout{{"weight", {2}}};
  CHECK_THROWS_WITH_AS(static_cast<void>(layout.index("wieght")),
                       "no tensor is called \"wieght\"; the layout is weight[2]", Error);
}

}  // namespace core_layout_test
