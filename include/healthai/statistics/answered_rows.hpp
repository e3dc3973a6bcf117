#pragma once

#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "healthai/core/error.hpp"
#include "healthai/core/hash.hpp"
#include "healthai/data/table.hpp"
#include "healthai/serialization/detail/os_file.hpp"
#include "healthai/serialization/sealed_file.hpp"

namespace healthai {

/// Which rows of a table a hospital has given answers about, so that nobody learns of a few patients by subtracting one answer from
/// another: an answer is refused whose rows differ from those of an earlier one by 1 to k - 1 rows.
///
/// That is all: it looks at pairs of sets of rows, of a cohort without the incomplete rows, or of a group in it. Three or more can still be
/// combined (A and B and C, where A less B less C is few), and answers about another snapshot of the same patients are not looked at. Counting questions, or refusing those that overlap, would not stop that
/// either (D. E. Denning, P. J. Denning, M. D. Schwartz: "The Tracker: A Threat to Statistical Database Security", 1979); noise does.
///
/// With a folder, what was answered is on disk before `note` returns, so that a restart forgets nothing. The folder belongs to one
/// table, the frozen snapshot. One object, one thread at a time; a lock in the folder keeps other processes out.
class AnsweredRows {
 public:
  /// \param folder  is made if it is not there (its parent must be); empty: in memory only
  /// \throws Error (`file`) when the folder cannot be used or another process uses it, (`archive_*`) for a damaged file in it,
  /// (`invalid_data`) when it belongs to another table
  explicit AnsweredRows(const Table& table, std::string folder = {})
      : record_{0, table.rows(), {}, {}, {}}, folder_(std::move(folder)) {
    if (folder_.empty()) return;
    record_.table = fingerprint(table);
    detail::make_folder(folder_);
    lock_.emplace(folder_ + "/lock");
    if (!detail::file_exists(path())) return;
    Record stored = read_sealed_file<Record>(path(), kind);
    if (stored.table != record_.table || stored.rows != record_.rows) {
      throw Error(
          error::invalid_data,
          folder_ + ": what was answered is kept here of another table than " + table.source() +
              " as it is now; put the data back as they were, or give the new snapshot a folder of its own");
    }
    if (!stored.fits(words()))
      throw Error(error::archive_corrupt, path() + ": a set of rows does not fit the table");
    record_ = std::move(stored);
  }

  /// A set of rows of the table, counted from 0.
  using Rows = std::vector<std::size_t>;

  /// \param sets  about which one answer tells something, each by itself
  /// \param question  what was asked, in full (a statistic's name and its encoded plan, say). About rows that this question has told of before
  /// it may tell again, whatever else was told since: the table is frozen, so it is the same answer. Empty: a question like no other.
  /// \throws Error (`disclosure`) if one of them differs from one of an earlier answer in 1 to `smallest` - 1 rows. It is not said which
  /// answer that was, or in how many. (`invalid_argument`) for a row that is not there
  void require_no_difference(std::span<const Rows> sets, std::size_t smallest,
                             std::string_view question = {}) const {
    static_cast<void>(new_ones(sets, smallest, question));
  }
  /// Notes that an answer about these rows leaves now. On disk when it returns.
  /// \throws Error as `require_no_difference` does, and (`file`): then the answer must not leave
  void note(std::span<const Rows> sets, std::size_t smallest, std::string_view question = {}) {
    const std::vector<Bits> added = new_ones(sets, smallest, question);
    if (added.empty()) return;
    Record next = record_;
    std::optional<std::uint64_t> number = next.number_of(question);
    if (!number && !question.empty()) {
      number = next.questions.size();
      next.questions.emplace_back(question);
    }
    for (const Bits& bits : added) {
      const std::size_t at = next.place_of(bits);
      if (at == next.sets.size()) {
        next.sets.push_back(bits);
        next.told_by.emplace_back();
      }
      std::vector<std::uint64_t>& told_by = next.told_by[at];
      if (number && std::find(told_by.begin(), told_by.end(), *number) == told_by.end())
        told_by.push_back(*number);
    }
    if (!folder_.empty()) write_sealed_file(path(), kind, next);
    record_ = std::move(next);
  }
  /// How many different sets of rows there were answers about.
  [[nodiscard]] std::size_t size() const noexcept { return record_.sets.size(); }

 private:
  using Bits = std::vector<std::uint64_t>;
  static constexpr std::string_view kind = "ROWS";
  struct Record {
    std::uint64_t table = 0;  ///< its fingerprint
    std::uint64_t rows = 0;
    std::vector<Bits> sets{};  ///< each once
    std::vector<std::string> questions{};
    std::vector<std::vector<std::uint64_t>> told_by{};  ///< for each of `sets`, numbers of `questions`

    /// The version before kept no questions: to its sets each question is another.
    static constexpr std::uint32_t newest_version = 1;
    [[nodiscard]] static std::uint32_t oldest_version() noexcept { return newest_version; }

    template <class Archive>
    void serialize(Archive& archive, unsigned version) {
      archive& table& rows& sets;
      if (version > 0) {
        archive& questions& told_by;
      } else {
        told_by.resize(sets.size());
      }
    }
    [[nodiscard]] std::optional<std::uint64_t> number_of(std::string_view question) const {
      const auto found = std::find(questions.begin(), questions.end(), question);
      if (question.empty() || found == questions.end()) return std::nullopt;
      return static_cast<std::uint64_t>(found - questions.begin());
    }
    /// Among `sets`, or their number.
    [[nodiscard]] std::size_t place_of(const Bits& bits) const {
      return static_cast<std::size_t>(std::find(sets.begin(), sets.end(), bits) - sets.begin());
    }
    [[nodiscard]] bool fits(std::size_t words) const {
      return told_by.size() == sets.size() &&
             std::ranges::all_of(sets, [&](const Bits& bits) { return bits.size() == words; }) &&
             std::ranges::all_of(told_by, [&](const std::vector<std::uint64_t>& numbers) {
               return std::ranges::all_of(numbers, [&](std::uint64_t n) { return n < questions.size(); });
             });
    }
  };

  [[nodiscard]] std::string path() const { return folder_ + "/answered"; }
  [[nodiscard]] std::size_t words() const noexcept {
    return static_cast<std::size_t>((record_.rows + 63) / 64);
  }
  [[nodiscard]] Bits bits_of(const Rows& rows) const {
    Bits bits(words(), 0);
    for (const std::size_t row : rows) {
      if (row >= record_.rows)
        throw Error(error::invalid_argument, "row " + std::to_string(row) + " of a table of " +
                                                 std::to_string(record_.rows) + " rows was answered for");
      bits[row / 64] |= std::uint64_t{1} << (row % 64);
    }
    return bits;
  }
  /// Those that this question has not told of before, or all of a question like no other where no answer was about them. What one answer tells
  /// of several is its own business: they are compared with earlier ones only. \throws Error (`disclosure`)
  [[nodiscard]] std::vector<Bits> new_ones(std::span<const Rows> sets, std::size_t smallest,
                                           std::string_view question) const {
    const std::optional<std::uint64_t> number = record_.number_of(question);
    std::vector<Bits> added;
    for (const Rows& rows : sets) {
      Bits bits = bits_of(rows);
      if (rows.empty()) continue;
      const std::size_t at = record_.place_of(bits);
      const bool known = at < record_.sets.size();
      if (known && number && std::ranges::count(record_.told_by[at], *number) > 0) continue;
      require_far_from_others(bits, smallest);
      if (!known || !question.empty()) added.push_back(std::move(bits));
    }
    return added;
  }
  void require_far_from_others(const Bits& bits, std::size_t smallest) const {
    for (const Bits& other : record_.sets) {
      std::size_t difference = 0;
      for (std::size_t i = 0; i < bits.size(); ++i)
        difference += static_cast<std::size_t>(std::popcount(bits[i] ^ other[i]));
      if (difference > 0 && difference < smallest) {
        throw Error(
            error::disclosure,
            "smallest_cell: an earlier answer was about nearly the same patients, and the few in which "
            "they differ could be told from the two; ask about the same cohort, with the same "
            "incomplete rows left out, and in the same groups");
      }
    }
  }
  /// Of all names and values, so that a row's number means the same patient as long as it is the same.
  [[nodiscard]] static std::uint64_t fingerprint(const Table& table) {
    std::uint64_t hash = stable_hash(std::to_string(table.rows()));
    for (const std::string& name : table.names()) {
      hash = stable_hash(name + '\n', hash);
      if (table.is_numeric(name)) {
        for (const double value : table.numeric(name)) {
          const auto bits = std::bit_cast<std::uint64_t>(value);
          char bytes[sizeof bits];
          for (std::size_t i = 0; i < sizeof bits; ++i)
            bytes[i] = static_cast<char>(static_cast<unsigned char>(bits >> (8 * i)));
          hash = stable_hash({bytes, sizeof bytes}, hash);
        }
      } else {
        for (const std::string& text : table.text(name)) hash = stable_hash(text + '\n', hash);
      }
    }
    return hash;
  }

  Record record_;
  std::string folder_;
  std::optional<detail::FileLock> lock_{};
};

}  // namespace healthai
