#include "healthai/reporting/detail/terminal.hpp"

#include <doctest/doctest.h>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <optional>
#include <string>

namespace reporting_detail_terminal_test {

using namespace healthai::detail;

namespace {

/// Sets an environment variable (or unsets it: null) until the end of the scope.
class Environment {
 public:
  Environment(const char* name, const char* value) : name_(name) {
    if (const char* before = std::getenv(name)) before_ = before;
    set(value);
  }
  Environment(const Environment&) = delete;
  Environment& operator=(const Environment&) = delete;
  ~Environment() { set(before_ ? before_->c_str() : nullptr); }

 private:
  void set(const char* value) const {
    if (value == nullptr) {
      unsetenv(name_);
    } else {
      setenv(name_, value, 1);
    }
  }
  const char* name_;
  std::optional<std::string> before_;
};

struct Close {
  void operator()(std::FILE* file) const { std::fclose(file); }
};

}  // namespace

TEST_CASE("a file is no terminal, and has the width that COLUMNS says") {
  const std::unique_ptr<std::FILE, Close> file(std::tmpfile());
  REQUIRE(file);
  CHECK_FALSE(is_terminal(file.get()));
  const auto width = [&](const char* columns) {
    const Environment set("COLUMNS", columns);
    return terminal_width(file.get());
  };
  CHECK(width("132") == 132);
  CHECK(width(nullptr) == 80);
  CHECK(width("wide") == 80);
  CHECK(width("-5") == 80);
  CHECK(width("99999999999999999999") == 80);
}

TEST_CASE("NO_COLOR and dumb terminals are respected") {
  const auto colour = [](const char* no_color, const char* term) {
    const Environment first("NO_COLOR", no_color);
    const Environment second("TERM", term);
    return wants_colour();
  };
  CHECK(colour(nullptr, "xterm"));
  CHECK(colour("", "xterm"));  // as the convention says: present and not empty
  CHECK_FALSE(colour("1", "xterm"));
  CHECK_FALSE(colour(nullptr, "dumb"));
  CHECK_FALSE(colour(nullptr, nullptr));
}

}  // namespace reporting_detail_terminal_test
