#pragma once

#include <cstddef>
#include <filesystem>
#include <limits>
#include <string>
#include <vector>

#include "healthai/core/error.hpp"
#include "healthai/core/finite.hpp"
#include "healthai/reporting/detail/gnuplot.hpp"

namespace healthai {

/// How many patients are in each bin:
///
///     HistogramPlot plot{.title = "Age", .x_label = "Years", .edges = {30, 40, 50, 60}, .counts = {2, 18, 63}};
///     plot.write("results/age.png");
///
/// Bins of other widths are drawn by their count too, not by their density. A count of NaN is one that is not told, such as that of very few
/// patients; its bin says so.
/// The script stays beside the picture, see `LinePlot`, whose remarks on text and files hold here too. Not thread-safe.
struct HistogramPlot {
  std::string title{};
  std::string x_label{};
  std::string y_label = "Patients";
  std::string hidden_label = "hidden";  ///< what stands in a bin whose count is not told
  int width = 1000;                     ///< pixels
  int height = 600;                     ///< pixels
  std::vector<double> edges{};          ///< of the bins, ascending: one more than counts
  std::vector<double> counts{};

  /// The gnuplot script that draws the picture into `picture`'s file name, in the folder in which it is run.
  /// \throws Error (`invalid_argument`) when there is no bin, edges do not ascend or are not one more than counts, a count is negative, for
  /// a size outside 200 to 10000, or when `picture` does not end in ".png".
  [[nodiscard]] std::string script(const std::filesystem::path& picture) const {
    using detail::gnuplot_string;
    using detail::shortest;
    check();
    std::string bars;
    std::string words;
    double highest = 0;
    for (std::size_t i = 0; i < counts.size(); ++i) {
      const double middle = edges[i] + (edges[i + 1] - edges[i]) / 2;
      if (is_finite(counts[i])) {
        bars += shortest(middle) + " " + shortest(counts[i]) + " " + shortest(edges[i + 1] - edges[i]) + "\n";
        highest = counts[i] > highest ? counts[i] : highest;
      } else {
        words += "set label " + gnuplot_string(hidden_label) + " at first " + shortest(middle) +
                 ", graph 0.02 left rotate by 90 noenhanced textcolor rgb '#606060'\n";
      }
    }
    std::string text = detail::gnuplot_head(detail::gnuplot_script_path(picture).filename().string(),
                                            picture.filename().string(), width, height);
    text += "\n# middle of the bin, count, width\n$bins << END\n" + bars + "END\n";
    text +=
        "\nset border 3 linecolor rgb '#606060'\nset tics nomirror out textcolor rgb '#202020'\n"
        "set grid ytics linetype 1 linecolor rgb '#E4E4E4' linewidth 1\nunset key\nset rmargin 4\n";
    text += "set xrange [" + shortest(edges.front()) + ":" + shortest(edges.back()) +
            "]\nset yrange [0:" + shortest(highest > 0 ? highest * 1.05 : 1) + "]\n";
    if (!title.empty()) text += "set title " + gnuplot_string(title) + " noenhanced font ',16'\n";
    if (!x_label.empty()) text += "set xlabel " + gnuplot_string(x_label) + " noenhanced\n";
    if (!y_label.empty()) text += "set ylabel " + gnuplot_string(y_label) + " noenhanced\n";
    text += words;
    if (bars.empty()) return text + "\nplot NaN notitle\n";
    return text +
           "\nset style fill solid 0.75 border linecolor rgb '#FFFFFF'\n"
           "plot $bins using 1:2:3 with boxes linecolor rgb '#0072B2'\n";
  }

  /// Writes the script beside `picture` (same name, ".gp"), making the folder, and draws it. Waits for gnuplot.
  /// \throws Error (`file`) when a file cannot be written, or gnuplot is not installed (the script is written all the
  /// same) or fails; as `script` otherwise.
  void write(const std::filesystem::path& picture) const {
    detail::draw_with_gnuplot(picture, script(picture));
  }

 private:
  void check() const {
    const auto refuse = [this](const std::string& why) {
      throw Error(error::invalid_argument, "the histogram \"" + title + "\" " + why);
    };
    detail::check_plot_size(width, height);
    if (counts.empty() || edges.size() != counts.size() + 1)
      refuse("has " + std::to_string(counts.size()) + " counts and " + std::to_string(edges.size()) +
             " edges; give at least one count, and one edge more than counts");
    for (std::size_t i = 0; i < edges.size(); ++i) {
      if (!is_finite(edges[i]) || (i > 0 && !(edges[i - 1] < edges[i])))
        refuse("has edges that do not ascend");
    }
    for (const double count : counts) {
      if (count < 0 || count == std::numeric_limits<double>::infinity())
        refuse("has the count " + detail::shortest(count) + "; give 0 or more, or NaN where it is not told");
    }
  }
};

}  // namespace healthai
