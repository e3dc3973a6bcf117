#pragma once

/// \file
/// Gnuplot, reached through its own script language: the script is a file that a person can edit and run again.

#include <array>
#include <cstddef>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

#ifdef _WIN32
#include <process.h>
#else
#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cerrno>

extern "C" char** environ;  // POSIX leaves its declaration to the program
#endif

#include "healthai/core/error.hpp"
#include "healthai/reporting/detail/log_file.hpp"
#include "healthai/reporting/detail/text.hpp"

namespace healthai::detail {

/// The palette of Okabe and Ito (Color Universal Design, 2008), which colour-blind readers can tell apart, the ones
/// that stand out on white first; yellow, which does not, is left out.
inline constexpr std::array<std::string_view, 7> okabe_ito{"#0072B2", "#D55E00", "#009E73", "#CC79A7",
                                                           "#E69F00", "#56B4E9", "#000000"};

/// Text as a gnuplot string; line ends, which would end it, become spaces. Between single quotes gnuplot substitutes
/// nothing (no backquoted shell commands, no escapes, no macros). Text with a single quote in it goes between double
/// quotes, because gnuplot 5.4 misreads a doubled single quote at the start; there, what has a meaning is escaped.
[[nodiscard]] inline std::string gnuplot_string(std::string_view text) {
  const std::string clean = printable(text, 2000);
  if (clean.find('\'') == std::string::npos) return "'" + clean + "'";
  std::string result = "\"";
  for (const char c : clean) {
    switch (c) {
      case '"':
        result += "\\042";
        break;
      case '\\':
        result += "\\134";
        break;
      case '`':
        result += "\\140";
        break;
      case '@':
        result += "\\100";
        break;
      default:
        result += c;
    }
  }
  return result + '"';
}

/// The lines with which every script begins: what it is, the picture's format, fonts and name.
[[nodiscard]] inline std::string gnuplot_head(const std::string& script_name, const std::string& picture_name,
                                              int width, int height) {
  const std::string size = " size " + std::to_string(width) + "," + std::to_string(height);
  return "# Draws " + printable(picture_name) + ". Edit, and draw again with: gnuplot " +
         printable(script_name) +
         "\nset encoding utf8\n"
         "if (strstrt(GPVAL_TERMINALS, 'pngcairo') > 0) {\n"
         "  set terminal pngcairo enhanced" +
         size +
         " background '#FFFFFF' font 'Sans,13'\n"
         "} else {\n"
         "  set terminal png truecolor enhanced" +
         size +
         " background '#FFFFFF' font 'DejaVuSans,11'\n"
         "}\n"
         "set output " +
         gnuplot_string(picture_name) + "\n";
}

/// \throws Error (`invalid_argument`) for a picture smaller than 200 or larger than 10000 pixels either way.
inline void check_plot_size(int width, int height) {
  if (width >= 200 && width <= 10000 && height >= 200 && height <= 10000) return;
  throw Error(error::invalid_argument, "a plot is 200 to 10000 pixels wide and high, not " +
                                           std::to_string(width) + " x " + std::to_string(height));
}

/// Checks a picture's path; the script goes beside it. \throws Error (`invalid_argument`) unless it ends in ".png".
[[nodiscard]] inline std::filesystem::path gnuplot_script_path(const std::filesystem::path& picture) {
  if (picture.extension() != ".png" || printable(picture.string()) != picture.string()) {
    throw Error(error::invalid_argument,
                "a plot is written to a file whose name ends in \".png\", not to \"" +
                    printable(picture.string()) + "\"");
  }
  return std::filesystem::path(picture).replace_extension(".gp");
}

/// How a program ended, and the first of what it printed.
struct ProgramEnd {
  bool started = false;
  int status = 0;        ///< 0: well
  std::string output{};  ///< standard output and standard error, at most a few kilobytes
};

/// Runs a program found on `PATH` and waits for it. The arguments reach it as they are: no shell sees them.
[[nodiscard]] inline ProgramEnd run_program(const std::vector<std::string>& words) {
  std::vector<std::string> copies = words;
  std::vector<char*> arguments;
  for (std::string& word : copies) arguments.push_back(word.data());
  arguments.push_back(nullptr);
  ProgramEnd end;
#ifdef _WIN32
  for (std::size_t i = 0; i < copies.size();
       ++i) {  // the runtime joins them with spaces; none contains a quote
    copies[i] = '"' + copies[i] + '"';
    arguments[i] = copies[i].data();
  }
  const auto status = _spawnvp(_P_WAIT, words[0].c_str(), arguments.data());
  end.started = status != -1;
  end.status = static_cast<int>(status);
#else
  struct Close {
    void operator()(std::FILE* file) const noexcept { std::fclose(file); }
  };
  const std::unique_ptr<std::FILE, Close> output(std::tmpfile());
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
  if (output) {
    posix_spawn_file_actions_adddup2(&actions, fileno(output.get()), STDOUT_FILENO);
    posix_spawn_file_actions_adddup2(&actions, fileno(output.get()), STDERR_FILENO);
  }
  pid_t child = 0;
  end.started = posix_spawnp(&child, arguments[0], &actions, nullptr, arguments.data(), environ) == 0;
  posix_spawn_file_actions_destroy(&actions);
  if (!end.started) return end;
  int status = 0;
  while (waitpid(child, &status, 0) == -1 && errno == EINTR) {
  }
  end.status = WIFEXITED(status) ? WEXITSTATUS(status) : 128;
  if (end.status == 127) end.started = false;  // how some systems say that there is no such program
  if (output) {
    std::array<char, 4096> text{};
    std::rewind(output.get());
    end.output.assign(text.data(), std::fread(text.data(), 1, text.size(), output.get()));
  }
#endif
  return end;
}

/// Writes the script beside the picture, making the folder, and has gnuplot draw it.
/// \throws Error (`file`) when the script cannot be written, gnuplot is not installed, or it fails.
inline void draw_with_gnuplot(const std::filesystem::path& picture, const std::string& script) {
  const std::filesystem::path script_path = gnuplot_script_path(picture);
  std::error_code problem;  // a folder that cannot be made is reported by the write
  if (picture.has_parent_path()) std::filesystem::create_directories(picture.parent_path(), problem);
  LogFile(script_path.string()).replace(script);
  std::filesystem::remove(picture, problem);  // so that an old picture is not taken for the new one

  const std::filesystem::path absolute = std::filesystem::absolute(script_path);
  const std::vector<std::string> words{"gnuplot", "-d",  // -d: without the user's own settings
                                       "-e", "cd " + gnuplot_string(absolute.parent_path().string()),
                                       "./" + absolute.filename().string()};
  const ProgramEnd end = run_program(words);
  const std::string remains = "; the script is " + script_path.string();
  if (!end.started) {
    throw Error(error::file, "cannot draw " + picture.string() +
                                 ": gnuplot is not installed; install gnuplot-nox (Debian, Ubuntu) or "
                                 "gnuplot (elsewhere)" +
                                 remains + ", which can also be drawn later");
  }
  if (end.status != 0 || !std::filesystem::exists(picture, problem) ||
      std::filesystem::file_size(picture, problem) == 0) {
    throw Error(error::file,
                "gnuplot failed to draw " + picture.string() + " (exit status " + std::to_string(end.status) +
                    "): " + (end.output.empty() ? "it says nothing" : printable(end.output)) + remains);
  }
}

}  // namespace healthai::detail
