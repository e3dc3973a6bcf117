#include "healthai/client/node/approved_runs.hpp"

#include <doctest/doctest.h>

#include <string>

#include "client/node/scratch.hpp"

namespace client_node_approved_runs_test {

#if !defined(_WIN32)

using healthai::ApprovedRuns;
using healthai::RequestFacts;
using node_test::error_of;
using node_test::has;

TEST_CASE("a run is approved while it stands in the file") {
  const node_test::Folder folder;
  const std::string path = folder.file("approved.json");
  const ApprovedRuns approved(path);
  RequestFacts request;
  request.coordinator = "trial";
  request.run = 17;
  CHECK(!approved(request));  // no file
  node_test::write_text(path, "{}");
  CHECK(!approved(request));
  node_test::write_text(
      path, R"({"approved": [{"coordinator": "other", "run": 17}, {"coordinator": "trial", "run": 18}]})");
  CHECK(!approved(request));
  node_test::write_text(path, R"({"approved": [{"coordinator": "trial", "run": 17, "by": "Dr Lang"}]})");
  CHECK(approved(request));
  node_test::write_text(path, R"({"approved": []})");
  CHECK(!approved(request));
}

TEST_CASE("what is not understood in it approves nothing") {
  const node_test::Folder folder;
  const std::string path = folder.file("approved.json");
  const auto error = [&](const std::string& text) {
    node_test::write_text(path, text);
    return error_of([&] { (void)ApprovedRuns(path)({}); });
  };
  CHECK(has(error(R"({"approved": {}})"),
            "policy: " + path + ": at /approved: expected a list, but this is an object"));
  CHECK(has(error(R"({"approved": [17]})"),
            "at /approved/0: expected an object with the settings coordinator, run, by"));
  CHECK(
      has(error(R"({"approved": [{"run": 17}]})"), "at /approved/0: the setting \"coordinator\" is missing"));
  CHECK(has(error(R"({"approved": [{"coordinator": "trial"}]})"),
            "at /approved/0: the setting \"run\" is missing"));
  CHECK(has(error(R"({"approved": [{"coordinator": "trial", "run": "17"}]})"),
            "at /approved/0/run: expected a whole"));
  // Also behind the entry that was looked for.
  CHECK(has(error(R"({"approved": [{"coordinator": "trial", "run": 0}, {"coordinator": 3, "run": 1}]})"),
            "at /approved/1/coordinator: expected a text, but this is 3"));
  CHECK(has(error(R"({"aproved": []})"), "at /aproved: there is no such setting here; known are: approved"));
}

#endif

}  // namespace client_node_approved_runs_test
