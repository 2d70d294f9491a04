#include "base/scratch_space.h"

#include "base/error.h"
#include "base/temp_directory.h"
#include "catch.h"

#include <cstring>
#include <vector>

namespace expandft {
namespace {

using testing::error_of;
using testing::has;
using testing::TempDirectory;

std::vector<std::byte> filled(std::size_t count, int value) {
  return std::vector<std::byte>(count, static_cast<std::byte>(value));
}

TEST_CASE("scratch space gives back what was written at any place, in memory and on the disk") {
  const TempDirectory folder;
  const bool on_disk = GENERATE(false, true);
  ScratchSpace space =
      on_disk ? ScratchSpace::on_disk(folder.path(), 100'000) : ScratchSpace::in_memory(100'000);
  CHECK(space.is_on_disk() == on_disk);
  CHECK(fs::is_empty(folder.path()));  // the file has no name
  space.write(99'000, filled(1'000, 1));
  space.write(0, filled(500, 2));
  space.write(250, filled(500, 3));
  ScratchSpace moved = std::move(space);
  std::vector<std::byte> bytes(750);
  moved.read(0, bytes);
  CHECK(std::memcmp(bytes.data(), filled(250, 2).data(), 250) == 0);
  CHECK(std::memcmp(bytes.data() + 250, filled(500, 3).data(), 500) == 0);
  moved.read(99'250, bytes);
  CHECK(bytes == filled(750, 1));

  CHECK(has(error_of([&] { moved.write(99'999, filled(2, 0)); }).message(), "100000"));
  CHECK_THROWS_AS(moved.read(100'001, std::span<std::byte>()), Error);
}

TEST_CASE("scratch space on a disk without room is a failure that names the folder") {
  const TempDirectory folder;
  const Error full =
      error_of([&] { ScratchSpace::on_disk(folder.path(), std::uint64_t{1} << 62); });
  CHECK(full.code() == ExitCode::kFailed);
  CHECK(full.where() == folder.path().string());
  CHECK(has(full.message(), "no room"));
  CHECK(fs::is_empty(folder.path()));
  const Error missing = error_of([&] { ScratchSpace::on_disk(folder / "missing", 1); });
  CHECK(missing.where() == (folder / "missing").string());
}

}  // namespace
}  // namespace expandft
