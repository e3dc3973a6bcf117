#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <filesystem>
#include <limits>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "healthai/core/error.hpp"
#include "healthai/core/finite.hpp"
#include "healthai/reporting/detail/gnuplot.hpp"

namespace healthai {

/// One row of a `ForestPlot`: an estimate with its confidence interval.
struct ForestRow {
  std::string label{};
  double estimate = std::numeric_limits<double>::quiet_NaN();  ///< NaN: the row says "not estimable"
  double lower =
      std::numeric_limits<double>::quiet_NaN();  ///< of the interval; NaN with `upper`: no interval
  double upper = std::numeric_limits<double>::quiet_NaN();  ///< infinity is fine: the line ends in an arrow
  double weight = 1;   ///< of the square's area (patients, or inverse variance), relative to the other rows
  std::string note{};  ///< a column of its own beside the label, such as "228"
  bool emphasised = false;  ///< a diamond as wide as the interval, and bold text: a summary, not a site
};

/// Estimates and intervals one below the other, as meta-analyses show them: a square a site, its area by its weight,
/// a diamond for a summary, a vertical line where there is no effect, and the numbers in words at the right.
///
///     ForestPlot plot{.title = "Sex (female against male)", .note_header = "Patients"};
///     plot.heading("Each hospital alone");
///     plot.add({.label = "Hospital 1", .estimate = 0.58, .lower = 0.41, .upper = 0.81, .weight = 37, .note = "37"});
///     plot.heading("All hospitals");
///     plot.add({.label = "FedAvg", .estimate = 0.577, .lower = 0.42, .upper = 0.79, .emphasised = true});
///     plot.write("results/forest_sex.png");
///
/// Estimates are ratios (hazard, odds) on a logarithmic axis around 1 unless told otherwise. The axis covers every
/// estimate; intervals that reach far beyond the others end in an arrow there rather than squeeze the rest. The
/// script stays beside the picture, see `LinePlot`, whose remarks on text and files hold here too. Not thread-safe.
struct ForestPlot {
  std::string title{};
  std::string x_label = "Hazard ratio (logarithmic axis)";
  std::string label_header{};                   ///< above the labels
  std::string note_header{};                    ///< above the notes
  std::string estimate_header = "HR (95% CI)";  ///< above the numbers
  bool log_x = true;                            ///< whether equal ratios are equal distances
  double reference = 1;  ///< where the line of no effect is: 1 for ratios, 0 for differences
  double x_min = 0;      ///< with `x_max`: the axis; both 0: chosen from the rows
  double x_max = 0;
  int digits = 2;                 ///< after the decimal point, of the numbers at the right
  int width = 1000;               ///< pixels
  int height = 0;                 ///< pixels; 0: by the number of rows
  std::vector<ForestRow> rows{};  ///< a row of a label only, see `heading`, opens a group

  ForestPlot& add(ForestRow row) {
    rows.push_back(std::move(row));
    return *this;
  }
  /// Begins a group of rows under a bold line of text, with a little room above.
  ForestPlot& heading(std::string text) {
    rows.push_back({.label = std::move(text), .weight = heading_weight});
    return *this;
  }

  /// The gnuplot script that draws the picture into `picture`'s file name, in the folder in which it is run.
  /// \throws Error (`invalid_argument`) when no row has an estimate, an estimate lies outside its interval or (on a
  /// logarithmic axis) is not positive, for an axis or size that makes no sense, or a `picture` not ending in ".png".
  [[nodiscard]] std::string script(const std::filesystem::path& picture) const {
    using detail::gnuplot_string;
    using detail::shortest;
    check();
    const auto [low, high] = axis();
    const Columns columns = place_columns();

    std::string squares;
    std::string marks;
    std::string words;
    const auto write = [&words](std::string_view text, double x, std::string_view side, double y, bool bold) {
      if (text.empty()) return;
      words += "set label " + gnuplot_string(text) + " at screen " + shortest(x) + ", first " + shortest(y) +
               " " + std::string(side) + " noenhanced" + (bold ? " font ':Bold'" : "") + "\n";
    };
    write(label_header, columns.label, "left", 0, true);
    write(note_header, columns.note, "right", 0, true);
    write(estimate_header, columns.estimate, "left", 0, true);

    double heaviest = 0;
    for (const ForestRow& row : rows) {
      if (!is_heading(row) && !row.emphasised) heaviest = (std::max)(heaviest, row.weight);
    }
    double y = 0;
    bool grouped = false;
    for (const ForestRow& row : rows) {
      y += is_heading(row) && y > 0 ? 1.5 : 1;
      grouped = grouped || is_heading(row);
      const bool bold = row.emphasised || is_heading(row);
      write(row.label, columns.label + (grouped && !is_heading(row) ? 0.015 : 0), "left", y, bold);
      if (is_heading(row)) continue;
      write(row.note, columns.note, "right", y, row.emphasised);
      write(numbers(row), columns.estimate, "left", y, row.emphasised);
      if (!is_finite(row.estimate)) continue;
      const bool interval = !std::isnan(row.lower);
      const double from = interval ? std::clamp(row.lower, low, high) : row.estimate;
      const double to = interval ? std::clamp(row.upper, low, high) : row.estimate;
      if (row.emphasised && interval) {
        const auto corner = [&](double x, double at) { return shortest(x) + "," + shortest(at); };
        marks += "set object polygon from " + corner(from, y) + " to " + corner(row.estimate, y - 0.3) +
                 " to " + corner(to, y) + " to " + corner(row.estimate, y + 0.3) + " to " + corner(from, y) +
                 " front fillcolor rgb '#D55E00' fillstyle solid noborder\n";
        continue;
      }
      const double size = heaviest > 0 ? (std::max)(0.5, 2.2 * std::sqrt(row.weight / heaviest)) : 1.5;
      squares += shortest(row.estimate) + " " + shortest(y) + " " + shortest(from) + " " + shortest(to) +
                 " " + shortest(row.emphasised ? 1.5 : size) + "\n";
      for (const auto& [cut, edge] : {std::pair{row.lower < low, low}, std::pair{row.upper > high, high}}) {
        if (!cut) continue;
        const double inner =
            log_x ? edge * std::pow(row.estimate / edge, 0.06) : edge + 0.06 * (row.estimate - edge);
        marks += "set arrow from " + shortest(inner) + "," + shortest(y) + " to " + shortest(edge) + "," +
                 shortest(y) +
                 " head filled size screen 0.012,18 fixed front linewidth 1.6 linecolor rgb '#0072B2'\n";
      }
    }
    const double bottom = y + 0.7;
    const int pixels = height != 0 ? height : std::clamp(static_cast<int>(150 + 31 * bottom), 300, 10000);
    const auto plot_area = [&](const char* side, double at) {
      return std::string("set ") + side + "margin at screen " + shortest(at) + "\n";
    };
    std::string text = detail::gnuplot_head(detail::gnuplot_script_path(picture).filename().string(),
                                            picture.filename().string(), width, pixels);
    if (!title.empty()) {
      text += "set label " + gnuplot_string(title) + " at screen 0.5, screen " + shortest(1 - 30.0 / pixels) +
              " center noenhanced font ',16'\n";
    }
    text += plot_area("l", columns.left) + plot_area("r", columns.right) + plot_area("t", 1 - 60.0 / pixels) +
            plot_area("b", 85.0 / pixels);
    text += "set border 1 linecolor rgb '#606060'\nunset key\nunset ytics\n";
    if (log_x) text += "set logscale x\n";
    text += "set xrange [" + shortest(low) + ":" + shortest(high) + "]\nset yrange [" + shortest(bottom) +
            ":-0.6]\n";
    text += "set xtics nomirror out textcolor rgb '#202020'" + ticks(low, high) + "\n";
    if (!x_label.empty()) text += "set xlabel " + gnuplot_string(x_label) + " noenhanced\n";
    text +=
        "set arrow from screen 0.02, first 0.5 to screen 0.98, first 0.5 nohead back linecolor rgb "
        "'#B0B0B0'\n";
    text += "set arrow from " + shortest(reference) + ", first " + shortest(bottom) + " to " +
            shortest(reference) +
            ", first 0.5 nohead back dashtype 2 linewidth 1.5 linecolor rgb '#606060'\n";
    text += "\n" + words + "\n" + marks;
    text += "\n# estimate, row, the interval's ends (cut to the axis), size\n$squares << END\n" + squares +
            "END\n";
    if (squares.empty()) return text + "\nplot NaN notitle\n";
    return text +
           "\nset errorbars 0.6\nplot \\\n"
           "  $squares using 1:2:3:4 with xerrorbars pointtype 0 linewidth 1.6 linecolor rgb '#0072B2', \\\n"
           "  $squares using 1:2:5 with points pointtype 5 pointsize variable linecolor rgb '#0072B2'\n";
  }

  /// Writes the script beside `picture` (same name, ".gp"), making the folder, and draws it. Waits for gnuplot.
  /// \throws Error (`file`) when a file cannot be written, or gnuplot is not installed (the script is written all the
  /// same) or fails; as `script` otherwise.
  void write(const std::filesystem::path& picture) const {
    detail::draw_with_gnuplot(picture, script(picture));
  }

 private:
  static constexpr double heading_weight = -1;  // what marks a row as a heading
  /// Where things stand, as fractions of the picture's width.
  struct Columns {
    double label = 0.02, note = 0, left = 0, right = 0, estimate = 0;
  };

  [[nodiscard]] static bool is_heading(const ForestRow& row) { return row.weight == heading_weight; }

  [[nodiscard]] std::string numbers(const ForestRow& row) const {
    const auto number = [this](double value) { return detail::rounded(value, digits, true); };
    if (!is_finite(row.estimate)) return "not estimable";
    if (std::isnan(row.lower)) return number(row.estimate);
    return number(row.estimate) + " (" + number(row.lower) + "\xE2\x80\x93" + number(row.upper) + ")";
  }

  [[nodiscard]] Columns place_columns() const {
    std::size_t label = detail::count_characters(label_header);
    std::size_t note = detail::count_characters(note_header);
    std::size_t estimate = detail::count_characters(estimate_header);
    for (const ForestRow& row : rows) {
      if (is_heading(row)) continue;
      label = (std::max)(label, detail::count_characters(row.label) + 2);
      note = (std::max)(note, detail::count_characters(row.note));
      estimate = (std::max)(estimate, detail::count_characters(numbers(row)));
    }
    const auto share = [this](std::size_t characters) {
      return 9.2 * static_cast<double>(characters) / width;
    };
    Columns columns;
    columns.note = (std::min)(columns.label + share(label), 0.4) + share(note);
    columns.left = (std::min)(columns.note + 0.025, 0.55);
    columns.estimate = (std::max)(0.985 - 1.1 * share(estimate), columns.left + 0.2);
    columns.right = columns.estimate - 0.025;
    return columns;
  }

  /// The ends of the axis: all estimates, and as much of the intervals as is within their spread again.
  [[nodiscard]] std::pair<double, double> axis() const {
    if (x_min != 0 || x_max != 0) return {x_min, x_max};
    const auto forth = [this](double x) { return log_x ? std::log(x) : x; };
    const auto back = [this](double x) { return log_x ? std::exp(x) : x; };
    double first = forth(reference), last = first, lower = first, upper = first;
    for (const ForestRow& row : rows) {
      if (!is_finite(row.estimate)) continue;
      first = (std::min)(first, forth(row.estimate));
      last = (std::max)(last, forth(row.estimate));
      if (std::isnan(row.lower)) continue;
      lower = (std::min)(lower, forth(row.lower));
      upper = (std::max)(upper, forth(row.upper));
    }
    const double spread = (std::max)(last - first, log_x ? 0.7 : 1e-6 + std::abs(last) / 10);
    first = (std::min)(first - spread * 0.1, (std::max)(lower, first - spread));
    last = (std::max)(last + spread * 0.1, (std::min)(upper, last + spread));
    return {back(first - spread * 0.05), back(last + spread * 0.05)};
  }

  /// " ('0.5' 0.5, '1' 1, '2' 2)": gnuplot's own choice on a short logarithmic axis has too few.
  [[nodiscard]] std::string ticks(double low, double high) const {
    if (!log_x) return {};
    const double decades = std::log10(high / low);
    // As many as have room for their numbers.
    const std::vector<double> leading_digits = decades > 4   ? std::vector<double>{1}
                                               : decades > 2 ? std::vector<double>{1, 3}
                                                             : std::vector<double>{1, 2, 5};
    std::string list;
    for (int power = static_cast<int>(std::floor(std::log10(low))); power <= std::log10(high); ++power) {
      for (const double digit : leading_digits) {
        const double at = power < 0 ? digit / std::pow(10.0, -power) : digit * std::pow(10.0, power);
        if (at < low || at > high) continue;
        list += (list.empty() ? "'" : ", '") + detail::shortest(at) + "' " + detail::shortest(at);
      }
    }
    return list.empty() ? list : " (" + list + ")";
  }

  void check() const {
    const auto refuse = [this](const std::string& why) {
      throw Error(error::invalid_argument, "the forest plot \"" + title + "\" " + why);
    };
    detail::check_plot_size(width, height == 0 ? 700 : height);
    bool any = false;
    for (const ForestRow& row : rows) {
      if (is_heading(row) || !is_finite(row.estimate)) continue;
      any = true;
      const std::string who = "has a row \"" + row.label + "\" with ";
      if (log_x && !(row.estimate > 0))
        refuse(who + "the estimate " + detail::shortest(row.estimate) +
               ", but on its logarithmic axis they are positive; give ratios, or set log_x = false");
      if (std::isnan(row.lower) != std::isnan(row.upper) || row.lower > row.estimate ||
          row.upper < row.estimate)
        refuse(who + "the estimate " + detail::shortest(row.estimate) + " outside of its interval " +
               detail::shortest(row.lower) + " to " + detail::shortest(row.upper));
      if (!(row.weight >= 0))
        refuse(who + "the weight " + detail::shortest(row.weight) + "; it is at least 0");
    }
    if (!any) refuse("has no row with an estimate; add one");
    if (log_x && !(reference > 0)) refuse("has a reference that is not positive on a logarithmic axis");
    if (x_min != 0 || x_max != 0) {
      if (!(x_min < x_max) || !is_finite(x_min) || !is_finite(x_max) || (log_x && !(x_min > 0)))
        refuse("has an axis from " + detail::shortest(x_min) + " to " + detail::shortest(x_max) +
               "; give x_min < x_max, positive on a logarithmic axis");
    }
  }
};

}  // namespace healthai
