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

/// One curve of a `SurvivalPlot`: what a Kaplan-Meier estimator tells of one group of patients. All vectors that are not empty are as
/// long as `time`.
struct SurvivalSeries {
  std::string name{};
  std::vector<double> time{};      ///< ascending, not negative: when somebody died or was censored
  std::vector<double> survival{};  ///< after each time; before the first it is 1
  std::vector<double> lower{};     ///< of the confidence interval; empty: no band
  std::vector<double> upper{};
  std::vector<double> at_risk{};   ///< just before each time; empty: no row in the table below
  std::vector<double> censored{};  ///< how many at each time, which are marked; empty: none
};

/// Kaplan-Meier curves as steps, with confidence bands, a mark where patients were censored, and below them how many were
/// still at risk:
///
///     SurvivalPlot plot{.title = "Survival by sex", .x_label = "Days"};
///     plot.add({.name = "male", .time = curve.time, .survival = curve.survival, .at_risk = curve.at_risk});
///     plot.write("results/survival.png");
///
/// The number at risk below a tick of the axis is that at the first of the curve's times from there on, and 0 after the last.
/// The script stays beside the picture, see `LinePlot`, whose remarks on colours, text and files hold here too. Not thread-safe.
struct SurvivalPlot {
  std::string title{};
  std::string x_label = "Time";
  std::string y_label = "Survival";
  double x_max = 0;  ///< where the axis ends; 0: with the last time
  int width = 1000;  ///< pixels
  int height = 0;    ///< pixels; 0: by the number of curves
  std::vector<SurvivalSeries> series{};

  SurvivalPlot& add(SurvivalSeries curve) {
    series.push_back(std::move(curve));
    return *this;
  }

  /// How many of a curve are at risk at `time`. \pre the curve has numbers at risk
  [[nodiscard]] static double at_risk(const SurvivalSeries& curve, double time) {
    const auto found = std::lower_bound(curve.time.begin(), curve.time.end(), time);
    return found == curve.time.end() ? 0
                                     : curve.at_risk[static_cast<std::size_t>(found - curve.time.begin())];
  }

  /// The gnuplot script that draws the picture into `picture`'s file name, in the folder in which it is run.
  /// \throws Error (`invalid_argument`) when there is no curve with a time, vectors of a curve differ in length, times do not ascend from
  /// 0, for a size outside 200 to 10000, or when `picture` does not end in ".png".
  [[nodiscard]] std::string script(const std::filesystem::path& picture) const {
    using detail::gnuplot_string;
    using detail::shortest;
    check();
    double end = x_max;
    std::size_t letters = 8;
    std::size_t table_rows = 0;
    for (const SurvivalSeries& curve : series) {
      if (!(x_max > 0)) end = (std::max)(end, curve.time.empty() ? 0 : curve.time.back());
      letters = (std::max)(letters, detail::count_characters(curve.name));
      table_rows += curve.at_risk.empty() ? 0 : 1;
    }
    if (!(end > 0)) end = 1;
    const int pixels =
        height != 0 ? height
                    : (std::min)(620 + (table_rows > 0 ? 40 : 0) + 24 * static_cast<int>(table_rows), 10000);
    const double left = (std::clamp)(9.2 * static_cast<double>(letters) / width + 0.03, 0.09, 0.35);
    const double bottom =
        (85.0 + (table_rows > 0 ? 30 : 0) + 24.0 * static_cast<double>(table_rows)) / pixels;
    const double step = tick(end);

    std::string text = detail::gnuplot_head(detail::gnuplot_script_path(picture).filename().string(),
                                            picture.filename().string(), width, pixels);
    for (std::size_t i = 0; i < series.size(); ++i) text += data(series[i], i + 1, end);
    text += "\nset lmargin at screen " + shortest(left) +
            "\nset rmargin at screen 0.97\nset bmargin at screen " + shortest(bottom) +
            "\nset tmargin at screen " + shortest(1 - (title.empty() ? 20.0 : 50.0) / pixels) + "\n";
    text +=
        "set border 3 linecolor rgb '#606060'\nset tics nomirror out textcolor rgb '#202020'\n"
        "set grid linetype 1 linecolor rgb '#E4E4E4' linewidth 1\nset key top right noenhanced samplen 3\n";
    text += "set xrange [0:" + shortest(end) + "]\nset yrange [0:1.02]\nset xtics " + shortest(step) +
            "\nset ytics 0.2\n";
    if (!title.empty()) {
      text += "set label " + gnuplot_string(title) + " at screen 0.5, screen " + shortest(1 - 25.0 / pixels) +
              " center noenhanced font ',16'\n";
    }
    if (!x_label.empty()) text += "set xlabel " + gnuplot_string(x_label) + " noenhanced\n";
    if (!y_label.empty()) text += "set ylabel " + gnuplot_string(y_label) + " noenhanced\n";
    if (table_rows > 0) text += table(end, step, pixels, bottom);

    text += "\nset style fill transparent solid 0.15 noborder\nplot \\\n";
    std::string lines;
    const auto plotted = [&lines](const std::string& piece) {
      lines += (lines.empty() ? "" : ", \\\n") + ("  " + piece);
    };
    for (std::size_t i = 0; i < series.size(); ++i) {
      if (!series[i].lower.empty())
        plotted("$curve" + std::to_string(i + 1) + " using 1:3:4 with filledcurves linecolor rgb '" +
                colour(i) + "' notitle");
    }
    for (std::size_t i = 0; i < series.size(); ++i) {
      const std::string number = std::to_string(i + 1);
      plotted("$curve" + number + " using 1:2 with lines dashtype " + std::string(dashes(i)) +
              " linewidth 2.5 linecolor rgb '" + colour(i) + "' " +
              (series[i].name.empty() ? "notitle" : "title " + gnuplot_string(series[i].name)));
      if (marks(series[i]) > 0)
        plotted("$censored" + number +
                " using 1:2 with points pointtype 1 pointsize 0.9 linewidth 1.5 linecolor rgb '" + colour(i) +
                "' notitle");
    }
    return text + lines + "\n";
  }

  /// Writes the script beside `picture` (same name, ".gp"), making the folder, and draws it. Waits for gnuplot.
  /// \throws Error (`file`) when a file cannot be written, or gnuplot is not installed (the script is written all the
  /// same) or fails; as `script` otherwise.
  void write(const std::filesystem::path& picture) const {
    detail::draw_with_gnuplot(picture, script(picture));
  }

 private:
  [[nodiscard]] static std::string colour(std::size_t i) {
    return std::string(detail::okabe_ito[i % detail::okabe_ito.size()]);
  }
  [[nodiscard]] static std::string_view dashes(std::size_t i) {
    constexpr std::string_view kinds[] = {"solid", "(10,4)", "(3,3)", "(12,4,3,4)", "(20,5)"};
    return kinds[i % 5];
  }
  [[nodiscard]] static std::size_t marks(const SurvivalSeries& curve) {
    return static_cast<std::size_t>(
        std::count_if(curve.censored.begin(), curve.censored.end(), [](double count) { return count > 0; }));
  }
  /// A distance of ticks such as 1, 2 or 5, of which the axis has 5 to 12.
  [[nodiscard]] static double tick(double end) {
    const double power = std::pow(10.0, std::floor(std::log10(end)) - 1);
    for (const double digits : {1.0, 2.0, 5.0, 10.0, 20.0}) {
      if (end <= 12 * digits * power) return digits * power;
    }
    return 10 * power;
  }

  /// The corners of the steps, with the band; then the marks of those censored.
  [[nodiscard]] static std::string data(const SurvivalSeries& curve, std::size_t number, double end) {
    using detail::shortest;
    std::string text = "\n# time, survival" + std::string(curve.lower.empty() ? "" : ", lower, upper") +
                       "\n$curve" + std::to_string(number) + " << END\n";
    std::string last = curve.lower.empty() ? " 1\n" : " 1 1 1\n";
    text += "0" + last;
    for (std::size_t j = 0; j < curve.time.size(); ++j) {
      const std::string at = shortest(curve.time[j]);
      text += at + last;
      last = " " + shortest(curve.survival[j]);
      if (!curve.lower.empty()) last += " " + shortest(curve.lower[j]) + " " + shortest(curve.upper[j]);
      text += at + (last += "\n");
    }
    if (!curve.time.empty() && curve.time.back() < end && !curve.at_risk.empty() &&
        curve.survival.back() > 0 && curve.at_risk.back() > 1 && curve.censored.empty())
      text += shortest(end) + last;  // on a grid, where patients are still followed after its last time
    text += "END\n";
    if (marks(curve) == 0) return text;
    text += "$censored" + std::to_string(number) + " << END\n";
    for (std::size_t j = 0; j < curve.time.size(); ++j) {
      if (curve.censored[j] > 0) text += shortest(curve.time[j]) + " " + shortest(curve.survival[j]) + "\n";
    }
    return text + "END\n";
  }

  /// The numbers at risk, below the axis, a row a curve.
  [[nodiscard]] std::string table(double end, double step, int pixels, double bottom) const {
    using detail::gnuplot_string;
    using detail::shortest;
    double at = bottom * pixels - 80;
    const auto screen = [pixels](double y) { return "screen " + shortest(y / pixels); };
    std::string text = "set label 'At risk' at screen 0.01, " + screen(at) + " left font ':Bold'\n";
    for (std::size_t i = 0; i < series.size(); ++i) {
      if (series[i].at_risk.empty()) continue;
      at -= 24;
      const std::string look = " noenhanced textcolor rgb '" + colour(i) + "'\n";
      text +=
          "set label " + gnuplot_string(series[i].name) + " at screen 0.01, " + screen(at) + " left" + look;
      for (std::size_t k = 0; step * static_cast<double>(k) <= end * (1 + 1e-9); ++k) {
        const double time = step * static_cast<double>(k);
        const double patients = at_risk(series[i], time);
        text += "set label '" + (is_finite(patients) ? shortest(patients) : "?") + "' at first " +
                shortest(time) + ", " + screen(at) + " center" + look;
      }
    }
    return text;
  }

  void check() const {
    const auto refuse = [this](const std::string& why) {
      throw Error(error::invalid_argument, "the survival plot \"" + title + "\" " + why);
    };
    detail::check_plot_size(width, height == 0 ? 700 : height);
    if (std::all_of(series.begin(), series.end(),
                    [](const SurvivalSeries& curve) { return curve.time.empty(); }))
      refuse("has no curve with a time; add one");
    if (!(x_max >= 0) || !is_finite(x_max))
      refuse("has an axis to " + detail::shortest(x_max) + "; give a time above 0");
    for (const SurvivalSeries& curve : series) {
      const std::string who = "has a curve \"" + curve.name + "\" ";
      const std::size_t size = curve.time.size();
      const auto fits = [size](const std::vector<double>& values, bool optional) {
        return values.size() == size || (optional && values.empty());
      };
      if (!fits(curve.survival, false) || !fits(curve.lower, true) ||
          curve.lower.size() != curve.upper.size() || !fits(curve.at_risk, true) ||
          !fits(curve.censored, true))
        refuse(who + "whose vectors are not as long as its " + std::to_string(size) + " times");
      for (std::size_t j = 0; j < size; ++j) {
        if (!is_finite(curve.time[j]) || curve.time[j] < (j == 0 ? 0 : curve.time[j - 1]))
          refuse(who + "whose times do not ascend from 0");
      }
    }
  }
};

}  // namespace healthai
