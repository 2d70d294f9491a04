#include "base/json.h"
#include "base/temp_directory.h"
#include "catch.h"
#include "checkpoint/safetensors.h"
#include "checkpoint/safetensors_bytes.h"

#include <set>
#include <signal.h>
#include <sys/mount.h>
#include <sys/resource.h>

using namespace expandft;
using namespace expandft::testing;

namespace {

std::vector<TensorSource> samples() {
  return {source("z", Dtype::kF32, {2, 2}, "0123456789abcdef"),
          source("half", Dtype::kF16, {3}, "uvwxyz"),
          source("a", Dtype::kBF16, {1, 2}, "ABCD"),
          source("scalar", Dtype::kI64, {}, "12345678"),
          source("empty", Dtype::kF32, {0, 5}, ""),
          source("grün \"x\"", Dtype::kBool, {1}, "\1")};
}

void check_samples(const std::map<std::string, TensorView>& tensors) {
  REQUIRE(tensors.size() == samples().size());
  for (const TensorSource& sample : samples()) {
    const TensorView& view = tensors.at(sample.name);
    CHECK(view.dtype == sample.dtype);
    CHECK(view.shape == sample.shape);
    std::string expected(byte_size(sample), '\0');
    sample.fill(std::as_writable_bytes(std::span(expected)));
    CHECK(bytes_of(view) == expected);
  }
}

}  // namespace

TEST_CASE("Tensors of every dtype are read back as written", "[safetensors]") {
  const TempDirectory directory;
  write_safetensors(directory / "m.safetensors", samples(), {{"format", "pt"}, {"note", "é\n"}});
  const SafetensorsFile file = SafetensorsFile::open(directory / "m.safetensors");
  check_samples(file.tensors());
  CHECK(file.metadata().at("note") == "é\n");
}

TEST_CASE("A file is written in the order given, its data aligned to 64 bytes", "[safetensors]") {
  const TempDirectory directory;
  for (int count = 1; count <= 6; ++count) {
    auto tensors = samples();
    tensors.resize(static_cast<std::size_t>(count));
    write_safetensors(directory / "m.safetensors", tensors, {});
    const std::string bytes = read_file(directory / "m.safetensors");
    const SafetensorsFile file = SafetensorsFile::open(directory / "m.safetensors");
    CHECK(file.metadata().empty());
    std::size_t at = 0;
    for (std::size_t i = 0; i < tensors.size(); ++i) {
      const TensorView& view = file.tensors().at(tensors[i].name);
      const auto offset = static_cast<std::size_t>(view.bytes.data() - view.file->bytes().data());
      if (i == 0) {
        CHECK(offset % 64 == 0);
      } else {
        CHECK(offset == at);
      }
      at = offset + view.bytes.size();
    }
    CHECK(at == bytes.size());
  }
}

TEST_CASE("A view is written unchanged", "[safetensors]") {
  const TempDirectory directory;
  write_safetensors(directory / "a.safetensors", samples(), {});
  const SafetensorsFile first = SafetensorsFile::open(directory / "a.safetensors");
  std::vector<TensorSource> sources;
  for (const TensorSource& sample : samples()) {
    sources.push_back(source_of(sample.name, first.tensors().at(sample.name)));
  }
  write_safetensors(directory / "b.safetensors", sources, {});
  CHECK(read_file(directory / "a.safetensors") == read_file(directory / "b.safetensors"));
}

TEST_CASE("One buffer, of the largest tensor, serves all of a shard", "[safetensors]") {
  const TempDirectory directory;
  std::set<std::byte*> buffers;
  std::vector<TensorSource> tensors;
  for (int i = 1; i <= 40; ++i) {
    tensors.push_back({std::to_string(i), Dtype::kU8, {i * 1000}, [&](std::span<std::byte> out) {
                         std::ranges::fill(out, std::byte{1});
                         buffers.insert(out.data());
                       }});
  }
  write_safetensors(directory / "m.safetensors", tensors, {});
  CHECK(buffers.size() == 1);
}

TEST_CASE("A file without tensors is valid", "[safetensors]") {
  const TempDirectory directory;
  write_safetensors(directory / "m.safetensors", {}, {});
  CHECK(SafetensorsFile::open(directory / "m.safetensors").tensors().empty());
}

TEST_CASE("Each source is filled once, in order", "[safetensors]") {
  const TempDirectory directory;
  std::vector<int> calls;
  std::vector<TensorSource> tensors;
  for (int i = 0; i < 4; ++i) {
    tensors.push_back({std::to_string(i), Dtype::kU8, {i}, [&calls, i](std::span<std::byte> out) {
                         CHECK(out.size() == static_cast<std::size_t>(i));
                         std::ranges::fill(out, std::byte{7});
                         calls.push_back(i);
                       }});
  }
  write_safetensors(directory / "m.safetensors", tensors, {});
  CHECK(calls == std::vector<int>{0, 1, 2, 3});
}

TEST_CASE("Invalid sources are failures and leave no file", "[safetensors]") {
  const TempDirectory directory;
  const fs::path file = directory / "m.safetensors";
  const auto fault = [&](std::vector<TensorSource> tensors) {
    const Error error = error_of([&] { write_safetensors(file, tensors, {}); });
    CHECK(error.code() == ExitCode::kFailed);
    CHECK_FALSE(fs::exists(file));
    return error;
  };
  CHECK(has(fault({source("w", Dtype::kU8, {1}, "a"), source("w", Dtype::kU8, {1}, "b")}).message(),
            "duplicate"));
  CHECK(has(fault({source("__metadata__", Dtype::kU8, {1}, "a")}).message(), "reserved"));
  CHECK(has(fault({source("w", Dtype::kU8, {-1}, "")}).message(), "[-1]"));
  CHECK(has(fault({source("w", Dtype::kF32, {1LL << 40, 1LL << 40}, "")}).where(), "\"w\""));
  CHECK(has(
      fault({{"w", Dtype::kU8, {1}, [](std::span<std::byte>) { throw failure("device lost"); }}})
          .message(),
      "device lost"));
  const Error folder = error_of([&] { write_safetensors(directory / "none/m", samples(), {}); });
  CHECK(has(folder.message(), "cannot create"));
}

TEST_CASE("Shards hold whole tensors in order, with an index", "[safetensors]") {
  const TempDirectory directory;
  write_sharded_safetensors(directory.path(), samples(), 16);
  CHECK_FALSE(fs::exists(directory / "model.safetensors"));
  const Json index = read_json(directory / "model.safetensors.index.json");
  CHECK(index["metadata"]["total_size"] == 16 + 6 + 4 + 8 + 0 + 1);
  const Json expected{{"a", "model-00002-of-00003.safetensors"},
                      {"empty", "model-00003-of-00003.safetensors"},
                      {"grün \"x\"", "model-00003-of-00003.safetensors"},
                      {"half", "model-00002-of-00003.safetensors"},
                      {"scalar", "model-00003-of-00003.safetensors"},
                      {"z", "model-00001-of-00003.safetensors"}};
  CHECK(index["weight_map"] == expected);
  std::map<std::string, TensorView> all;
  for (int i = 1; i <= 3; ++i) {
    const SafetensorsFile file = SafetensorsFile::open(
        directory / ("model-0000" + std::to_string(i) + "-of-00003.safetensors"));
    CHECK(file.metadata().at("format") == "pt");
    all.insert(file.tensors().begin(), file.tensors().end());
  }
  check_samples(all);
  CHECK(count_entries(directory.path()) == 4);
}

TEST_CASE("Tensors within the limit are one file", "[safetensors]") {
  const TempDirectory directory;
  write_sharded_safetensors(directory.path(), samples(), 35);
  check_samples(SafetensorsFile::open(directory / "model.safetensors").tensors());
  CHECK(SafetensorsFile::open(directory / "model.safetensors").metadata().at("format") == "pt");
  CHECK(count_entries(directory.path()) == 1);
}

TEST_CASE("A tensor larger than a shard has one of its own", "[safetensors]") {
  const TempDirectory directory;
  write_sharded_safetensors(directory.path(), samples(), 1);
  CHECK(read_json(directory / "model.safetensors.index.json")["weight_map"]["half"] ==
        "model-00002-of-00005.safetensors");
}

TEST_CASE("A name that two shards contain is a failure", "[safetensors]") {
  const TempDirectory directory;
  const Error error = error_of([&] {
    write_sharded_safetensors(
        directory.path(), {source("w", Dtype::kU8, {1}, "a"), source("w", Dtype::kU8, {1}, "b")},
        1);
  });
  CHECK(has(error.message(), "duplicate"));
}

TEST_CASE("A full file system is a failure that names the file, and leaves none", "[safetensors]") {
  const TempDirectory directory;
  const fs::path file = directory / "m.safetensors";
  const std::vector<TensorSource> large{
      source("w", Dtype::kU8, {1 << 20}, std::string(1 << 20, 'x'))};
  const auto check = [&](const Error& error) {
    CHECK(error.code() == ExitCode::kFailed);
    CHECK(error.where() == file.string());
    CHECK(has(error.message(), "cannot write beyond byte"));
    CHECK_FALSE(fs::exists(file));
  };
  SECTION("a small tmpfs, where mounting is allowed") {
    if (::mount("tmpfs", directory.path().c_str(), "tmpfs", 0, "size=256k") != 0) return;
    const Error error = error_of([&] { write_safetensors(file, large, {}); });
    const bool is_left = fs::exists(file);
    ::umount(directory.path().c_str());
    check(error);
    CHECK_FALSE(is_left);
    CHECK(has(error.hint(), "free some space"));
  }
  SECTION("a limit on the size of files") {
    const auto handler = ::signal(SIGXFSZ, SIG_IGN);
    rlimit before{};
    ::getrlimit(RLIMIT_FSIZE, &before);
    const rlimit limited{256 << 10, before.rlim_max};
    ::setrlimit(RLIMIT_FSIZE, &limited);
    const Error error = error_of([&] { write_safetensors(file, large, {}); });
    ::setrlimit(RLIMIT_FSIZE, &before);
    ::signal(SIGXFSZ, handler);
    check(error);
  }
}
