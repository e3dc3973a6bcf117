#include "healthai/data/partition.hpp"

#include <doctest/doctest.h>
#include <rapidcheck.h>
#include <string>
#include <vector>

#include "csv_text.hpp"
#include "folders.hpp"
#include "healthai/data/csv.hpp"

namespace data_partition_test {

using csv_test::message_of;
using csv_test::same;
using healthai::parse_csv;
using healthai::partition_by;
using healthai::Site;
using healthai::Table;
namespace error = healthai::error;

namespace {

std::string names_of(const std::vector<Site>& sites) {
  std::string names;
  for (const Site& site : sites)
    names += site.name + "=" + site.id.str() + ":" + std::to_string(site.table.rows()) + " ";
  return names;
}

}  // namespace

TEST_CASE("a numeric column gives sites in numeric order, whole numbers without a point") {
  const Table table = parse_csv("site,x\n10,a\n3,b\n10,c\n1,d\n2.5,e\n100000,f\n", "t.csv");
  const std::vector<Site> sites = partition_by(table, "site");
  CHECK(names_of(sites) == "1=1:1 2.5=2-5:1 3=3:1 10=10:2 100000=100000:1 ");
  CHECK(sites[3].table.text("x")[0] == "a");
  CHECK(sites[3].table.text("x")[1] == "c");
  CHECK(sites[3].table.where(1) == "t.csv, line 4");
  CHECK(sites[3].table.names() == table.names());
}

TEST_CASE("a text column gives sites in order of first appearance") {
  const Table table = parse_csv("site\nSt. Mary's\nNorth\nSt. Mary's\n", "t.csv");
  CHECK(names_of(partition_by(table, "site")) == "St. Mary's=st--mary-s:2 North=north:1 ");
}

TEST_CASE("columns keep their kind at a site that has only missing values or only numbers") {
  const Table table = parse_csv("site,note\n1,hello\n2,\n3,7\n", "t.csv");
  const std::vector<Site> sites = partition_by(table, "site");
  CHECK_FALSE(sites[1].table.is_numeric("note"));
  CHECK(sites[2].table.text("note")[0] == "7");
}

TEST_CASE("the lung data's ten hospitals") {
  const std::vector<Site> sites =
      partition_by(healthai::read_csv(source_folder() + "/examples/data/lung_hospitals.csv"), "hospital");
  CHECK(names_of(sites).find("1=1:36 3=3:19 6=6:14 ") == 0);
  CHECK(sites.size() == 10);
  CHECK(sites.back().name == "99");
  CHECK(sites.back().table.rows() == 52);
}

TEST_CASE("what cannot be split") {
  const Table table = parse_csv("site,x\na,1\n,2\nb,\n,4\n", "t.csv");
  CHECK(message_of(error::invalid_data, [&] { (void)partition_by(table, "site"); }) ==
        "t.csv, line 3, column \"site\": expected the name of a site, but the value is missing (so it is in "
        "2 of 4 rows); "
        "fill it in, or keep only rows that have one: table.select(table.complete_rows({\"site\"}))");
  CHECK(message_of(error::invalid_data, [&] {
          (void)partition_by(parse_csv("site\n1\n2\n\n", "n.csv"), "site");
        }).find("n.csv, line 4, column \"site\"") == 0);
  CHECK(partition_by(table.select(table.complete_rows({"site"})), "site").size() == 2);
  CHECK(message_of(error::unknown_name, [&] {
          (void)partition_by(table, "Site");
        }).find("did you mean \"site\"?") != std::string::npos);
  CHECK(message_of(error::unknown_name, [&] { (void)partition_by(parse_csv("site\n", "t.csv"), "place"); }) !=
        "(no Error)");
  CHECK(message_of(error::invalid_data, [&] { (void)partition_by(parse_csv("site\n", "t.csv"), "site"); }) ==
        "t.csv: expected at least one row to split by \"site\", but there is none; check the file, or the "
        "filter before "
        "this");
}

TEST_CASE("two names with one client id") {
  const std::string message = message_of(error::invalid_id, [] {
    (void)partition_by(parse_csv("site\nNorth East\nother\nnorth-east\n", "t.csv"), "site");
  });
  CHECK(message.find("t.csv, line 4, column \"site\": ") == 0);
  CHECK(message.find(
            "\"north-east\" and \"North East\" (t.csv, line 2) both give the client id \"north-east\"") !=
        std::string::npos);
}

TEST_CASE("every row goes to exactly one site, in order") {
  CHECK(rc::check([](const std::vector<unsigned char>& codes) {
    RC_PRE(!codes.empty());
    std::vector<double> numbers;
    std::vector<std::string> names;
    std::vector<double> rows;
    for (std::size_t i = 0; i < codes.size(); ++i) {
      numbers.push_back(codes[i] % 7 - 3);
      names.push_back("s" + std::to_string(codes[i] % 5));
      rows.push_back(static_cast<double>(i));
    }
    Table table("t");
    table.add_numeric("number", numbers).add_text("name", names).add_numeric("row", rows);
    for (const char* column : {"number", "name"}) {
      std::size_t total = 0;
      for (const Site& site : partition_by(table, column)) {
        total += site.table.rows();
        double last = -1;
        for (std::size_t i = 0; i < site.table.rows(); ++i) {
          const double row = site.table.numeric("row")[i];
          RC_ASSERT(row > last);
          last = row;
          const std::string value = column == std::string("name")
                                        ? site.table.text(column)[i]
                                        : std::to_string(static_cast<int>(site.table.numeric(column)[i]));
          RC_ASSERT(value == site.name);
        }
      }
      RC_ASSERT(total == codes.size());
    }
  }));
}

}  // namespace data_partition_test
