#include "healthai/client/node/syslog_copy.hpp"

#include <doctest/doctest.h>

#if !defined(_WIN32)

#include <fcntl.h>
#include <unistd.h>

#include <string>

#include "client/node/scratch.hpp"

namespace client_node_syslog_copy_test {

TEST_CASE("a line goes to the system log as it is, whatever it looks like") {
  const node_test::Folder folder;
  // LOG_PERROR: the C library sends the same text to standard error, which is a file for a moment.
  const int file = ::open(folder.file("log").c_str(), O_WRONLY | O_CREAT, 0600);
  const int before = ::dup(STDERR_FILENO);
  REQUIRE(file >= 0);
  REQUIRE(before >= 0);
  ::openlog("test", LOG_PERROR, LOG_AUTHPRIV);
  REQUIRE(::dup2(file, STDERR_FILENO) >= 0);
  healthai::SyslogCopy()(std::string_view("{\"what\":\"%s%n 100%\"} and more").substr(0, 20));
  REQUIRE(::dup2(before, STDERR_FILENO) >= 0);
  ::closelog();
  ::close(file);
  ::close(before);
  CHECK(node_test::read_text(folder.file("log")) == "test: healthai audit: {\"what\":\"%s%n 100%\"}\n");
}

}  // namespace client_node_syslog_copy_test
#endif
