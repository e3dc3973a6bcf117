#include "healthai/client/node/reply_store.hpp"

#include <doctest/doctest.h>

#include <array>
#include <chrono>
#include <csignal>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "client/node/scratch.hpp"
#include "healthai/core/random.hpp"

#if !defined(_WIN32)

#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

namespace client_node_reply_store_test {

namespace {

using healthai::ReplyStore;
using healthai::RequestKey;
using node_test::error_of;
using node_test::Folder;
using node_test::has;
using Bytes = ReplyStore::Bytes;

Bytes bytes(const std::string& text) {
  const auto view = std::as_bytes(std::span(text));
  return Bytes(view.begin(), view.end());
}
std::string text(const Bytes& bytes) {
  std::string result;
  for (const std::byte b : bytes) result += static_cast<char>(b);
  return result;
}
std::string text(const std::optional<Bytes>& bytes) {
  return bytes ? text(*bytes) : "nothing";
}
std::string text(const std::shared_ptr<const Bytes>& bytes) {
  return bytes ? text(*bytes) : "nothing";
}
RequestKey key(std::uint64_t round, const std::string& task = "train.f64", std::uint32_t attempt = 0) {
  return {1, round, attempt, task, healthai::sha256(task + std::to_string(round))};
}
void commit(ReplyStore& store, const RequestKey& request, const std::string& reply, const std::string& before,
            const std::string& after) {
  store.commit(request, bytes(reply), bytes(before), bytes(after));
}
std::size_t reply_files(const Folder& folder, const std::string& name = "store") {
  std::size_t count = 0;
  for (const auto& entry : std::filesystem::directory_iterator(folder.file(name))) {
    if (entry.path().extension() == ".reply") ++count;
  }
  return count;
}

/// Runs a test on a store in memory and on one in a folder that is opened anew whenever `reopen` is called.
struct Stores {
  Folder folder;
  bool on_disk;
  std::optional<ReplyStore> store;
  explicit Stores(bool disk) : on_disk(disk) { reopen(true); }
  void reopen(bool first = false) {
    if (!on_disk && !first) return;
    store.reset();
    store.emplace(on_disk ? folder.file("store") : "");
  }
};

}  // namespace

TEST_CASE("a reply comes back byte for byte, before and after a restart") {
  for (const bool on_disk : {false, true}) {
    CAPTURE(on_disk);
    Stores stores(on_disk);
    CHECK(stores.store->find(key(1)) == nullptr);
    CHECK(!stores.store->forgotten(key(1)));
    CHECK(text(stores.store->state()) == "nothing");
    const Bytes head = bytes("head ");
    const Bytes body = bytes("body");
    const std::array<std::span<const std::byte>, 3> pieces{head, std::span<const std::byte>(), body};
    stores.store->commit(key(1), pieces, bytes("s0"), bytes("s1 is longer"));
    for (int i = 0; i < 2; ++i) {
      CHECK(text(stores.store->find(key(1))) == "head body");
      CHECK(stores.store->find(key(2)) == nullptr);
      CHECK(stores.store->find(key(1, "train.f64", 1)) == nullptr);
      RequestKey other = key(1);
      other.digest[0] ^= 1U;  // the same numbers, another content
      CHECK(stores.store->find(other) == nullptr);
      CHECK(text(stores.store->state()) == "s1 is longer");
      stores.reopen();
    }
    CHECK(has(error_of([&] { commit(*stores.store, key(1), "other", "", ""); }),
              "invalid_argument: the request of run 1, round 1 was answered already"));
  }
}

TEST_CASE("an empty reply and a client without state") {
  for (const bool on_disk : {false, true}) {
    Stores stores(on_disk);
    commit(*stores.store, key(1), "", "", "");
    stores.reopen();
    REQUIRE(stores.store->find(key(1)) != nullptr);
    CHECK(stores.store->find(key(1))->empty());
    CHECK(text(stores.store->state()) == "nothing");
    CHECK(text(stores.store->discarded(key(1))) == "nothing");
    CHECK(stores.store->find(key(1)) !=
          nullptr);  // nothing to go back from: the same bytes if it is asked again
    commit(*stores.store, key(2), "r", "", "now it has one");
    stores.reopen();
    CHECK(text(stores.store->state()) == "now it has one");
    CHECK(text(stores.store->discarded(key(2))) == "");
    stores.reopen();
    CHECK(text(stores.store->state()) == "");
  }
}

TEST_CASE("a discarded reply takes the client back, and is never given or made again") {
  for (const bool on_disk : {false, true}) {
    CAPTURE(on_disk);
    Stores stores(on_disk);
    commit(*stores.store, key(1), "r1", "s0", "s1");
    stores.store->accepted(key(1));
    commit(*stores.store, key(2), "r2", "s1", "s2");
    commit(*stores.store, key(2, "evaluate.f64"), "e2", "s2", "s2");
    stores.reopen();
    CHECK(text(stores.store->discarded(key(2, "evaluate.f64"))) == "nothing");
    CHECK(text(stores.store->discarded(key(3))) == "nothing");
    CHECK(text(stores.store->discarded(key(1))) == "nothing");  // the state went on from there
    CHECK(text(stores.store->discarded(key(2))) == "s1");
    for (int i = 0; i < 2; ++i) {
      CHECK(text(stores.store->state()) == "s1");
      CHECK(stores.store->find(key(2)) == nullptr);
      CHECK(stores.store->forgotten(key(2)));
      CHECK(!stores.store->forgotten(key(2, "train.f64", 1)));
      CHECK(text(stores.store->find(key(2, "evaluate.f64"))) == "e2");
      CHECK(text(stores.store->discarded(key(2))) == "nothing");
      stores.reopen();
    }
    CHECK(has(error_of([&] { commit(*stores.store, key(2), "again", "s1", "s2"); }), "was answered already"));
    commit(*stores.store, key(2, "train.f64", 1), "r2b", "s1", "s2b");
    stores.reopen();
    CHECK(text(stores.store->state()) == "s2b");
    CHECK(text(stores.store->discarded(key(2, "train.f64", 1))) == "s1");
    CHECK(stores.store->forgotten(key(2, "train.f64", 1)));
    CHECK(text(stores.store->state()) == "s1");
    commit(*stores.store, key(3), "r3", "s1", "s3");
    stores.store->accepted(key(3));
    CHECK(text(stores.store->discarded(key(3))) == "nothing");
    stores.reopen();
    CHECK(text(stores.store->state()) == "s3");
  }
}

TEST_CASE("the latest replies of each task are kept, and of older ones that they were answered") {
  for (const bool on_disk : {false, true}) {
    CAPTURE(on_disk);
    Stores stores(on_disk);
    commit(*stores.store, key(1, "evaluate.f64"), "e1", "", "");
    for (std::uint64_t round = 1; round <= 5; ++round) {
      commit(*stores.store, key(round), "r" + std::to_string(round), "s" + std::to_string(round - 1),
             "s" + std::to_string(round));
      stores.reopen();
    }
    CHECK(text(stores.store->find(key(5))) == "r5");
    CHECK(text(stores.store->find(key(4))) == "r4");
    CHECK(text(stores.store->find(key(1, "evaluate.f64"))) == "e1");
    for (std::uint64_t round = 1; round <= 3; ++round) {
      CHECK(stores.store->find(key(round)) == nullptr);
      CHECK(stores.store->forgotten(key(round)));
    }
    CHECK(!stores.store->forgotten(key(5)));
    CHECK(!stores.store->forgotten(key(6)));
    CHECK(!stores.store->forgotten(key(1, "evaluate.f64")));
    RequestKey other_run = key(1);
    other_run.run = 2;
    CHECK(!stores.store->forgotten(other_run));
    if (on_disk) CHECK(reply_files(stores.folder) == 3);
  }
}

TEST_CASE("the reply that holds the client's state stays as long as it does") {
  for (const bool on_disk : {false, true}) {
    Stores stores(on_disk);
    commit(*stores.store, key(1), "r1", "s0", "s1");
    for (std::uint64_t round = 2; round <= 6; ++round) {
      commit(*stores.store, key(round), "r", "s1", "s1");  // these change nothing
      stores.reopen();
    }
    CHECK(text(stores.store->state()) == "s1");
    CHECK(text(stores.store->find(key(1))) == "r1");
    CHECK(stores.store->forgotten(key(4)));
    commit(*stores.store, key(7), "r7", "s1", "s7");
    stores.reopen();
    CHECK(text(stores.store->state()) == "s7");
    CHECK(stores.store->find(key(1)) == nullptr);
    CHECK(stores.store->forgotten(key(1)));
  }
}

TEST_CASE("files are the owner's, their names are digests, and one process at a time uses them") {
  const Folder folder;
  const std::string path = folder.file("store");
  ReplyStore store(path);
  RequestKey hostile = key(1, "../../etc/passwd");
  commit(store, hostile, "reply", "a", "b");
  std::size_t files = 0;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(folder.path)) {
    const auto allowed = entry.status().permissions() & std::filesystem::perms::mask;
    CHECK((allowed & (std::filesystem::perms::group_all | std::filesystem::perms::others_all)) ==
          std::filesystem::perms::none);
    const std::string name = entry.path().filename().string();
    if (!entry.is_regular_file() || name == "lock") continue;
    ++files;
    CHECK(name.size() == 64 + 6);
    CHECK(name.find_first_not_of("0123456789abcdef") == 64);
  }
  CHECK(files == 1);
  CHECK(has(error_of([&] { ReplyStore second(path); }),
            "file: " + path + "/lock: another process, or another object, is using this"));
  CHECK(has(error_of([&] { ReplyStore other(folder.file("no/store")); }),
            "file: " + folder.file("no/store") + ": cannot make the folder: No such file"));
  node_test::write_text(folder.file("file"), "");
  CHECK(has(error_of([&] { ReplyStore other(folder.file("file")); }), "cannot use it as a folder"));
  CHECK(has(error_of([&] { ReplyStore other("", 0); }),
            "invalid_argument: a ReplyStore keeps at least 1 reply"));
}

TEST_CASE("a commit that fails leaves everything as it was") {
  const Folder folder;
  ReplyStore store(folder.file("store"));
  commit(store, key(1), "r1", "s0", "s1");
  struct rlimit before {};
  REQUIRE(::getrlimit(RLIMIT_FSIZE, &before) == 0);
  struct rlimit little = before;
  little.rlim_cur = 100000;
  const auto handler = std::signal(SIGXFSZ, SIG_IGN);
  REQUIRE(::setrlimit(RLIMIT_FSIZE, &little) == 0);
  const std::string error = error_of([&] { commit(store, key(2), std::string(1000000, 'x'), "s1", "s2"); });
  REQUIRE(::setrlimit(RLIMIT_FSIZE, &before) == 0);
  std::signal(SIGXFSZ, handler);
  CHECK(has(error, "file: " + folder.file("store/")));
  CHECK(store.find(key(2)) == nullptr);
  CHECK(!store.forgotten(key(2)));
  CHECK(text(store.state()) == "s1");
  CHECK(reply_files(folder) == 1);
  commit(store, key(2), "r2", "s1", "s2");
  CHECK(text(store.find(key(2))) == "r2");
}

TEST_CASE("a damaged, renamed or foreign file is an error and no fresh start") {
  const Folder folder;
  const std::string path = folder.file("store");
  {
    ReplyStore store(path);
    commit(store, key(1), "r1", "s0", "s1");
  }
  std::string file;
  for (const auto& entry : std::filesystem::directory_iterator(path)) {
    if (entry.path().extension() == ".reply") file = entry.path().string();
  }
  const std::string good = node_test::read_text(file);
  for (std::size_t at = 0; at < good.size(); ++at) {
    std::string bad = good;
    bad[at] = static_cast<char>(bad[at] ^ 1);
    node_test::write_text(file, bad);
    CAPTURE(at);
    CHECK(has(error_of([&] { ReplyStore store(path); }), "archive_"));
  }
  node_test::write_text(file, good.substr(0, good.size() - 1));
  CHECK(has(error_of([&] { ReplyStore store(path); }), "archive_truncated: " + file));
  node_test::write_text(file, good);
  const std::string other = path + "/" + std::string(64, '0') + ".reply";
  std::filesystem::rename(file, other);
  CHECK(has(error_of([&] { ReplyStore store(path); }),
            "archive_corrupt: " + other + ": the file holds the reply to another"));
  std::filesystem::rename(other, file);
  CHECK(text(ReplyStore(path).find(key(1))) == "r1");
}

TEST_CASE("after every step of a commit and a discard, what is on disk is one side or the other") {
  // Each step on disk is a file that appears whole or one that is removed: so the states between two steps are those in
  // which the files to be removed are still there.
  const Folder folder;
  const std::string path = folder.file("store");
  const auto snapshot = [&](const std::string& name) {
    std::filesystem::copy(path, folder.file(name), std::filesystem::copy_options::recursive);
  };
  const auto merge = [&](const std::string& old, const std::string& later) {
    std::filesystem::copy(
        folder.file(old), folder.file(later),
        std::filesystem::copy_options::recursive | std::filesystem::copy_options::skip_existing);
  };
  {
    ReplyStore store(path);
    for (std::uint64_t round = 1; round <= 2; ++round) {
      commit(store, key(round), "r" + std::to_string(round), "s" + std::to_string(round - 1),
             "s" + std::to_string(round));
    }
    snapshot("two");
    commit(store, key(3), "r3", "s2", "s3");
    snapshot("three");
    CHECK(text(store.discarded(key(3))) == "s2");
    snapshot("discarded");
  }
  merge("two", "three");  // written, and the oldest not yet removed
  {
    ReplyStore store(folder.file("three"));
    CHECK(text(store.state()) == "s3");
    CHECK(text(store.find(key(3))) == "r3");
    CHECK(text(store.find(key(2))) == "r2");
    CHECK(store.find(key(1)) == nullptr);
    CHECK(store.forgotten(key(1)));
    CHECK(reply_files(folder, "three") == 2);
  }
  merge("three", "discarded");  // marked, and not yet removed
  {
    ReplyStore store(folder.file("discarded"));
    CHECK(text(store.state()) == "s2");
    CHECK(store.find(key(3)) == nullptr);
    CHECK(store.forgotten(key(3)));
    CHECK(reply_files(folder, "discarded") == 1);
    commit(store, key(3, "train.f64", 1), "r3b", "s2", "s3b");
  }
  CHECK(text(ReplyStore(folder.file("discarded")).state()) == "s3b");
}

TEST_CASE("killed at any moment, a request is answered or not, and reply and state belong together") {
  const Folder folder;
  const std::string path = folder.file("store");
  // Round r: reply "r...", state r - 1 before and r after; every third is discarded and answered at attempt 1.
  const auto reply_of = [](std::uint64_t round, std::uint32_t attempt) {
    return std::to_string(round) + "/" + std::to_string(attempt) + std::string(60000, 'x');
  };
  const auto number = [](const std::optional<Bytes>& state) { return state ? std::stoull(text(*state)) : 0; };
  const auto work = [&](ReplyStore& store) {  // as a node does after a start: goes on where the state is
    for (std::uint64_t round = number(store.state()) + 1;; ++round) {
      for (std::uint32_t attempt = 0; attempt < (round % 3 == 0 ? 2U : 1U); ++attempt) {
        const RequestKey request = key(round, "train.f64", attempt);
        if (store.find(request) != nullptr || store.forgotten(request)) continue;
        commit(store, request, reply_of(round, attempt), std::to_string(round - 1), std::to_string(round));
        if (round % 3 == 0 && attempt == 0 && !store.discarded(request)) ::_exit(2);
      }
    }
  };
  const auto begin = std::chrono::steady_clock::now();
  {
    ReplyStore store(folder.file("timed"));
    commit(store, key(1), reply_of(1, 0), "0", "1");
  }
  const std::chrono::duration<double> once = std::chrono::steady_clock::now() - begin;
  healthai::Stream random(1, healthai::Purpose::test);
  std::uint64_t last = 0;
  std::size_t changed = 0;
  std::size_t interrupted = 0;
  // On a busy machine it may take more trials until a write is caught half-way.
  for (int trial = 0; trial < 20 || (trial < 300 && (changed == 0 || interrupted == 0)); ++trial) {
    int pipe_ends[2];
    REQUIRE(::pipe(pipe_ends) == 0);
    const pid_t child = ::fork();
    REQUIRE(child >= 0);
    if (child == 0) {
      try {
        ReplyStore store(path);
        if (::write(pipe_ends[1], "", 1) != 1) ::_exit(1);
        work(store);
      } catch (...) {
        ::_exit(1);
      }
    }
    char ready = 1;
    ::close(pipe_ends[1]);
    REQUIRE(::read(pipe_ends[0], &ready, 1) == 1);  // it is at work
    ::close(pipe_ends[0]);
    std::this_thread::sleep_for(once * 4 * healthai::uniform(random));
    REQUIRE(::kill(child, SIGKILL) == 0);
    int status = 0;
    REQUIRE(::waitpid(child, &status, 0) == child);
    CHECK(WIFSIGNALED(status));
    for (const auto& entry : std::filesystem::directory_iterator(path)) {
      if (entry.path().extension() == ".tmp") ++interrupted;
    }
    ReplyStore store(path);
    const std::uint64_t now = number(store.state());
    CHECK(now + 1 >= last);  // a discard takes back one
    if (now != last) ++changed;
    last = now;
    if (now == 0) continue;
    bool found = false;
    for (const std::uint32_t attempt : {0U, 1U}) {
      if (const auto reply = store.find(key(now, "train.f64", attempt))) {
        found = true;
        CHECK(text(*reply) == reply_of(now, attempt));
      }
    }
    CHECK(found);
    CHECK(!store.find(key(now + 1)));
    for (const auto& entry : std::filesystem::directory_iterator(path))
      CHECK(entry.path().extension() != ".tmp");
  }
  CHECK(changed > 0);
  CHECK(interrupted > 0);  // otherwise no write was caught half-way
}

TEST_CASE("A step of a secure sum is never forgotten: one round may have several of each") {
  ReplyStore store;
  for (std::uint32_t begun = 0; begun < 5; ++begun) {
    RequestKey step = key(1, "secagg.share");
    step.digest = healthai::sha256(std::to_string(begun));
    CHECK(!store.forgotten(step));
    commit(store, step, "shares", "state", "state");
  }
  RequestKey first = key(1, "secagg.share");
  first.digest = healthai::sha256("0");
  CHECK(store.find(first) == nullptr);
  CHECK(!store.forgotten(first));
}

}  // namespace client_node_reply_store_test
#endif
