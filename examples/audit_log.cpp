// Checks and shows the audit log of a hospital's node: what left the building, and whether the log is as it was written.
//
//   audit_log verify audit.jsonl --key audit.key.pub --anchor 1200:9f86d0...   exit status 0 if intact, 1 if not
//   audit_log show audit.jsonl
#include <CLI/CLI.hpp>
#include <cstdio>
#include <healthai/client/node/verify_audit_log.hpp>
#include <string>

using namespace healthai;

/// One entry on one line. JSON escapes whatever a stranger sent, so that it cannot steer the terminal.
void print(const nlohmann::ordered_json& entry) {
  std::string line = entry["sequence"].dump() + "  " + entry["time"].dump(-1, ' ', true);
  for (const auto& field : entry["event"].items()) {
    line += "  " + nlohmann::json(field.key()).dump(-1, ' ', true) + ": " + field.value().dump(-1, ' ', true);
  }
  std::erase(line, '"');
  std::puts(line.c_str());
}

int main(int argc, char** argv) {
  CLI::App app{"Checks and shows the audit log of a hospital's node"};
  app.require_subcommand(1);
  std::string log, key, anchor;

  CLI::App* verify =
      app.add_subcommand("verify", "Check every hash and signature; exit status 1 if anything is wrong");
  verify->add_option("LOG", log, "the log; older files that rotation left beside it are checked too")
      ->required();
  verify->add_option("--key", key, "the node's public key (PEM)")->required();
  verify->add_option("--anchor", anchor,
                     "COUNT:HASH that the coordinator kept: shows whether the end was cut off");

  CLI::App* show =
      app.add_subcommand("show", "Print the entries, one a line; checks hashes, but no signatures");
  show->add_option("LOG", log, "the log")->required();

  CLI11_PARSE(app, argc, argv);
  try {
    AuditReport report;
    if (*verify) {
      std::optional<AuditHead> head;
      if (!anchor.empty()) head = AuditHead::parse(anchor);
      report = verify_audit_log(log, VerifyKey::read(key), head);
      if (report.intact && !head) std::puts("Without --anchor, a log whose end was cut off looks intact.");
    } else {
      report = read_audit_log(log, print);
    }
    if (*verify || !report.intact) std::puts(report.describe().c_str());
    return report.intact ? 0 : 1;
  } catch (const Error& e) {
    std::fprintf(stderr, "%s\n", e.what());
    return 2;
  }
}
