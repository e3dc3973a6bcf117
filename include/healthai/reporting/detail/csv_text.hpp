#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace healthai::detail {

/// One record: its fields, unquoted.
using CsvRecord = std::vector<std::string>;

/// Adds a record to `text`, quoted where RFC 4180 (section 2, rules 5 to 7) asks for it; it ends with a line feed.
inline void append_csv_record(std::string& text, const CsvRecord& record) {
  for (std::size_t i = 0; i < record.size(); ++i) {
    if (i != 0) text += ',';
    if (record[i].find_first_of("\",\r\n") == std::string::npos) {
      text += record[i];
      continue;
    }
    text += '"';
    for (const char c : record[i]) text.append(c == '"' ? 2 : 1, c);
    text += '"';
  }
  text += '\n';
}

/// The records of what `append_csv_record` wrote, up to the first that is torn: the last one of a process that was
/// killed while writing. It reads a log back, not other people's files: `read_csv` says what is wrong with those.
[[nodiscard]] inline std::vector<CsvRecord> complete_csv_records(std::string_view text) {
  std::vector<CsvRecord> records;
  CsvRecord record;
  std::string field;
  bool quoted = false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (c == '"') {
      if (quoted && i + 1 < text.size() && text[i + 1] == '"') {
        field += '"';
        ++i;
      } else {
        quoted = !quoted;
      }
    } else if (quoted || (c != ',' && c != '\n' && c != '\r')) {
      field += c;
    } else if (c != '\r') {
      record.push_back(std::exchange(field, {}));
      if (c == '\n') records.push_back(std::exchange(record, {}));
    }
  }
  return records;
}

}  // namespace healthai::detail
