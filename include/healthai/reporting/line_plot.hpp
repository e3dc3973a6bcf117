#pragma once

#include <array>
#include <cstddef>
#include <filesystem>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "healthai/core/error.hpp"
#include "healthai/core/finite.hpp"
#include "healthai/reporting/detail/gnuplot.hpp"

namespace healthai {

/// One line of a `LinePlot`: points (x, y) in order, under a name in the legend.
struct LineSeries {
  std::string name{};
  std::vector<double> x{};
  std::vector<double> y{};  ///< as many as `x`; a value that is not finite leaves a gap
};

/// Lines over a common axis, such as convergence over rounds:
///
///     LinePlot plot{.title = "Distance to the pooled fit", .x_label = "Round", .y_label = "|difference|",
///                   .log_y = true};
///     plot.add("FedAvg, 1 local step", distances);     // at x = 1, 2, 3, ...
///     plot.write("results/convergence.png");           // and results/convergence.gp
///
/// The picture is drawn by gnuplot from a script that is kept beside it, data included, so that it can be edited and
/// drawn again without this program. Colours are those of Okabe and Ito and every line has its own dashes, so it can be
/// read without colours. Text may hold any UTF-8 and is shown as it is: nothing in it is a command or a mark-up.
/// Not thread-safe.
struct LinePlot {
  std::string title{};
  std::string x_label{};
  std::string y_label{};
  bool log_x = false;  ///< values that are not positive are then left out
  bool log_y = false;  ///< likewise
  int width = 1000;    ///< pixels
  int height = 700;    ///< pixels
  std::vector<LineSeries> series{};

  /// Adds a line through (1, y[0]), (2, y[1]), ...: values by round.
  LinePlot& add(std::string name, std::vector<double> y) {
    std::vector<double> x(y.size());
    for (std::size_t i = 0; i < x.size(); ++i) x[i] = static_cast<double>(i + 1);
    return add(std::move(name), std::move(x), std::move(y));
  }
  /// Adds a line through (x[i], y[i]).
  LinePlot& add(std::string name, std::vector<double> x, std::vector<double> y) {
    series.push_back({std::move(name), std::move(x), std::move(y)});
    return *this;
  }

  /// The gnuplot script that draws the picture into `picture`'s file name, in the folder in which it is run.
  /// \throws Error (`invalid_argument`) when a series has not as many x as y, when no point can be drawn, for a size
  /// outside 200 to 10000, or when `picture` does not end in ".png".
  [[nodiscard]] std::string script(const std::filesystem::path& picture) const {
    check();
    std::string text = detail::gnuplot_head(detail::gnuplot_script_path(picture).filename().string(),
                                            picture.filename().string(), width, height);
    for (std::size_t i = 0; i < series.size(); ++i) {
      text += "\n$series" + std::to_string(i + 1) + " << END\n";
      for (std::size_t j = 0; j < series[i].x.size(); ++j) {
        // A line of its own that says NaN makes a gap; gnuplot would draw through a point left out.
        const bool drawn = drawable(series[i].x[j], series[i].y[j]);
        text += drawn ? detail::shortest(series[i].x[j]) + " " + detail::shortest(series[i].y[j]) + "\n"
                      : "NaN NaN\n";
      }
      text += "END\n";
    }
    text +=
        "\nset border 3 linecolor rgb '#606060'\nset tics nomirror out textcolor rgb '#202020'\n"
        "set grid linetype 1 linecolor rgb '#E4E4E4' linewidth 1\n"
        "set key outside bottom center horizontal Left reverse noenhanced samplen 3.5 spacing 1.3 height "
        "0.8\n";
    if (!title.empty()) text += "set title " + detail::gnuplot_string(title) + " noenhanced font ',16'\n";
    if (!x_label.empty()) text += "set xlabel " + detail::gnuplot_string(x_label) + " noenhanced\n";
    if (!y_label.empty()) text += "set ylabel " + detail::gnuplot_string(y_label) + " noenhanced\n";
    for (const auto& [axis, log] : {std::pair{'x', log_x}, std::pair{'y', log_y}}) {
      if (log) text += std::string("set logscale ") + axis + "\nset format " + axis + " '10^{%T}'\n";
    }
    text += "set rmargin 4\n\nplot \\\n";
    for (std::size_t i = 0; i < series.size(); ++i) {
      const std::string number = std::to_string(i + 1);
      const std::string_view colour = detail::okabe_ito[i % detail::okabe_ito.size()];
      const bool points = series[i].x.size() <= 40;
      text += "  $series" + number + " using 1:2 with " + (points ? "linespoints pointtype " : "lines ");
      if (points) text += std::to_string(5 + 2 * (i % 5)) + " pointsize 0.9 ";
      text += "dashtype " + std::string(dashes[i % dashes.size()]) + " linewidth 2.5 linecolor rgb '" +
              std::string(colour) + "' ";
      text += series[i].name.empty() ? "notitle" : "title " + detail::gnuplot_string(series[i].name);
      text += i + 1 < series.size() ? ", \\\n" : "\n";
    }
    return text;
  }

  /// Writes the script beside `picture` (same name, ".gp"), making the folder, and draws it. Waits for gnuplot.
  /// \throws Error (`file`) when a file cannot be written, or gnuplot is not installed (the script is written all the
  /// same) or fails; as `script` otherwise.
  void write(const std::filesystem::path& picture) const {
    detail::draw_with_gnuplot(picture, script(picture));
  }

 private:
  static constexpr std::array<std::string_view, 5> dashes{"solid", "(10,4)", "(3,3)", "(12,4,3,4)", "(20,5)"};

  [[nodiscard]] bool drawable(double x, double y) const {
    return is_finite(x) && is_finite(y) && (!log_x || x > 0) && (!log_y || y > 0);
  }
  void check() const {
    detail::check_plot_size(width, height);
    bool any = false;
    for (const LineSeries& line : series) {
      if (line.x.size() != line.y.size()) {
        throw Error(error::invalid_argument, "the series \"" + line.name + "\" of the plot \"" + title +
                                                 "\" has " + std::to_string(line.x.size()) + " x and " +
                                                 std::to_string(line.y.size()) + " y; give one y for each x");
      }
      for (std::size_t i = 0; i < line.x.size(); ++i) any = any || drawable(line.x[i], line.y[i]);
    }
    if (!any) {
      throw Error(error::invalid_argument,
                  "the plot \"" + title +
                      "\" has no point to draw; add a series with finite values (positive "
                      "ones on a logarithmic axis)");
    }
  }
};

}  // namespace healthai
