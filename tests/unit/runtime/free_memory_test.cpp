#include "runtime/free_memory.h"

#include "base/temp_directory.h"
#include "catch.h"

namespace expandft {
namespace {

using testing::TempDirectory;

constexpr std::int64_t kMega = 1024 * 1024;

/// A folder in place of "/", with 1000 MB available.
class Root {
 public:
  Root() { write("proc/meminfo", "MemTotal: 4096000 kB\nMemAvailable:    1024000 kB\n"); }
  void write(const std::string& file, const std::string& text) const {
    fs::create_directories((folder_ / file).parent_path());
    folder_.write(file, text);
  }
  std::int64_t free_mega() const { return free_host_bytes(folder_.path()).value() / kMega; }
  const fs::path& path() const { return folder_.path(); }

 private:
  TempDirectory folder_;
};

std::string mega(std::int64_t count) {
  return std::to_string(count * kMega) + "\n";
}

TEST_CASE("without control groups, free memory is what the kernel calls available") {
  CHECK(Root().free_mega() == 1000);
  CHECK(free_host_bytes().value() > 0);
  CHECK(resident_file_bytes() > 0);
}

TEST_CASE("nothing is known without /proc") {
  const TempDirectory empty;
  CHECK_FALSE(free_host_bytes(empty.path()));
  CHECK(resident_file_bytes(empty.path()) == 0);
}

TEST_CASE("a control group of version 2 limits it, and so do those around it") {
  const Root root;
  root.write("proc/self/cgroup", "0::/job/step\n");
  root.write("sys/fs/cgroup/job/step/memory.max", "max\n");
  root.write("sys/fs/cgroup/job/step/memory.current", mega(300));
  CHECK(root.free_mega() == 1000);
  root.write("sys/fs/cgroup/job/memory.max", mega(500));
  root.write("sys/fs/cgroup/job/memory.current", mega(400));
  CHECK(root.free_mega() == 100);
  // Pages of files are given up when the memory is needed.
  root.write("sys/fs/cgroup/job/memory.stat",
             "anon 5\ninactive_file " + mega(100) + "active_file " + mega(50));
  CHECK(root.free_mega() == 250);
  root.write("sys/fs/cgroup/job/step/memory.max", mega(310));
  CHECK(root.free_mega() == 10);
  root.write("sys/fs/cgroup/job/step/memory.max", mega(200));
  CHECK(root.free_mega() == 0);
}

TEST_CASE("in a container a control group is the top") {
  const Root root;
  root.write("proc/self/cgroup", "0::/\n");
  root.write("sys/fs/cgroup/memory.max", mega(800));
  root.write("sys/fs/cgroup/memory.current", mega(100));
  CHECK(root.free_mega() == 700);
  root.write("proc/self/cgroup", "0::/elsewhere/on/the/host\n");
  CHECK(root.free_mega() == 700);
}

TEST_CASE("a control group of version 1 limits it") {
  const Root root;
  root.write("proc/self/cgroup", "5:cpu,cpuacct:/a\n4:memory:/job\n0::/\n");
  root.write("sys/fs/cgroup/memory/job/memory.limit_in_bytes", mega(600));
  root.write("sys/fs/cgroup/memory/job/memory.usage_in_bytes", mega(500));
  root.write("sys/fs/cgroup/memory/job/memory.stat", "total_inactive_file " + mega(200));
  root.write("sys/fs/cgroup/memory/memory.limit_in_bytes", "9223372036854771712\n");
  root.write("sys/fs/cgroup/memory/memory.usage_in_bytes", mega(900));
  CHECK(root.free_mega() == 300);
}

TEST_CASE("pages of files in memory are read from the process's own status") {
  const Root root;
  root.write("proc/self/status", "VmRSS:\t 9 kB\nRssFile:\t    2048 kB\n");
  CHECK(resident_file_bytes(root.path()) == 2 * kMega);
}

}  // namespace
}  // namespace expandft
