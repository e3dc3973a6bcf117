#include "healthai/reporting/detail/gnuplot.hpp"

#include <doctest/doctest.h>
#include <rapidcheck.h>
#include <cstdlib>
#include <filesystem>
#include <string>
#include <vector>

#include "../scratch_folder.hpp"

namespace reporting_detail_gnuplot_test {

using namespace healthai;
using namespace healthai::detail;

TEST_CASE("text is a string of its own for gnuplot, whatever it holds") {
  CHECK(gnuplot_string("plain") == "'plain'");
  CHECK(gnuplot_string("St. Mary's") == "\"St. Mary's\"");
  CHECK(gnuplot_string("'\"; system `rm` @x \\n") == "\"'\\042; system \\140rm\\140 \\100x \\134n\"");
  CHECK(gnuplot_string("two\nlines") == "'two lines'");
  CHECK(gnuplot_string("a_b^2 {c} `d` \"e\" \\n µ") == "'a_b^2 {c} `d` \"e\" \\n µ'");
}

TEST_CASE("gnuplot reads back exactly the text that was given") {
  if (!run_program({"gnuplot", "--version"}).started) return;
  const ScratchFolder folder;
  CHECK(rc::check([&] {
    const auto pieces = *rc::gen::container<std::vector<std::string>>(rc::gen::element<std::string>(
        "'", "''", "\"", "\\", "`touch canary`", "@x", "$1", "#", "%s", "a", "{", "}", "é", " "));
    std::string text;
    for (const std::string& piece : pieces) text += piece;
    folder.write("print.gp", "x = 'macro'\ncd " + gnuplot_string(folder.path("")) +
                                 "\nset print '-'\nprint " + gnuplot_string(text) + "\n");
    const ProgramEnd end = run_program({"gnuplot", "-d", folder.path("print.gp")});
    RC_ASSERT(end.status == 0);
    RC_ASSERT(end.output == text + "\n");
    RC_ASSERT(!std::filesystem::exists(folder.path("canary")));
  }));
}

TEST_CASE("a picture is a PNG with its script beside it") {
  CHECK(gnuplot_script_path("results/a.b.png") == "results/a.b.gp");
  for (const char* path : {"a", "a.svg", "a.png.gp", ".png", "", "a\nb.png"}) {
    CHECK_THROWS_AS(static_cast<void>(gnuplot_script_path(path)), Error);
  }
  CHECK_THROWS_AS(check_plot_size(100, 700), Error);
  CHECK_THROWS_AS(check_plot_size(1000, 20000), Error);
}

TEST_CASE("a program is run with its arguments as they are") {
  const ProgramEnd echoed = run_program({"printf", "%s|", "a b", "$HOME", "`x`", ""});
  CHECK(echoed.started);
  CHECK(echoed.status == 0);
  CHECK(echoed.output == "a b|$HOME|`x`||");
  const ProgramEnd failed = run_program({"sh", "-c", "echo wrong >&2; exit 3"});
  CHECK(failed.started);
  CHECK(failed.status == 3);
  CHECK(failed.output == "wrong\n");
  CHECK_FALSE(run_program({"healthai-no-such-program"}).started);
}

TEST_CASE("without gnuplot the script is there, and the error says what to install") {
  const ScratchFolder folder;
  const char* path = std::getenv("PATH");
  const std::string before = path != nullptr ? path : "";
  setenv("PATH", folder.path("nothing").c_str(), 1);
  std::string what;
  try {
    draw_with_gnuplot(folder.path("new/a.png"), "# script\n");
  } catch (const Error& e) {
    what = e.what();
    CHECK(e.id() == error::file);
  }
  setenv("PATH", before.c_str(), 1);
  CHECK(what.find("install gnuplot-nox") != std::string::npos);
  CHECK(what.find(folder.path("new/a.gp")) != std::string::npos);
  CHECK(folder.read("new/a.gp") == "# script\n");
}

TEST_CASE("a script that fails is an error with gnuplot's own words, and no stale picture stays") {
  if (!run_program({"gnuplot", "--version"}).started) return;
  const ScratchFolder folder;
  folder.write("it's.png", "an old picture");
  CHECK_THROWS_WITH_AS(draw_with_gnuplot(folder.path("it's.png"), "plot nonsense nonsense\n"),
                       doctest::Contains("nonsense"), Error);
  CHECK_FALSE(std::filesystem::exists(folder.path("it's.png")));
  CHECK_THROWS_WITH_AS(draw_with_gnuplot(folder.path("it's.png"), "# draws nothing\n"),
                       doctest::Contains("gnuplot failed to draw"), Error);
}

}  // namespace reporting_detail_gnuplot_test
