#include "base/error.h"
#include "base/json.h"
#include "checkpoint/safetensors.h"

#include <algorithm>
#include <cstdio>
#include <set>
#include <system_error>

namespace expandft {
namespace {

constexpr std::size_t kAlignment = 64;

/// The length field and the header, padded with spaces so that the data starts aligned.
std::string make_header(const fs::path& file, const std::vector<TensorSource>& tensors,
                        const std::map<std::string, std::string>& metadata) {
  Json json = Json::object();
  auto& entries = json.get_ref<Json::object_t&>();  // append directly: operator[] searches
  if (!metadata.empty()) entries.emplace_back("__metadata__", Json(metadata));
  std::set<std::string_view> names{"__metadata__"};
  std::uint64_t offset = 0;
  for (const TensorSource& tensor : tensors) {
    if (!names.insert(tensor.name).second) {
      throw failure("a tensor's name is duplicate or reserved",
                    file.string() + ": tensor \"" + tensor.name + "\"");
    }
    const std::uint64_t end = offset + byte_size(tensor);
    entries.emplace_back(tensor.name, Json{{"dtype", safetensors_name(tensor.dtype)},
                                           {"shape", tensor.shape},
                                           {"data_offsets", {offset, end}}});
    offset = end;
  }
  std::string text = json.dump();
  const std::size_t unaligned = (sizeof(std::uint64_t) + text.size()) % kAlignment;
  text.append((kAlignment - unaligned) % kAlignment, ' ');
  std::string header;
  for (std::size_t i = 0; i < sizeof(std::uint64_t); ++i) {
    header += static_cast<char>(static_cast<std::uint64_t>(text.size()) >> (8 * i));
  }
  return header + text;
}

std::string shard_name(std::size_t index, std::size_t count) {
  char name[64];
  std::snprintf(name, sizeof name, "model-%05zu-of-%05zu.safetensors", index + 1, count);
  return name;
}

}  // namespace

TensorSource source_of(std::string name, const TensorView& view) {
  return {std::move(name), view.dtype, view.shape, {}, view};
}

std::uint64_t byte_size(const TensorSource& source) {
  const auto bytes = byte_size(source.dtype, source.shape);
  if (!bytes) {
    throw failure("found the shape " + Json(source.shape).dump() + ", whose size exceeds 64 bits",
                  "tensor \"" + source.name + "\"");
  }
  return *bytes;
}

void write_safetensors(const fs::path& file, const std::vector<TensorSource>& tensors,
                       const std::map<std::string, std::string>& metadata) {
  const std::string header = make_header(file, tensors, metadata);
  std::uint64_t total = header.size(), largest = 0;
  for (const TensorSource& tensor : tensors) {
    total += byte_size(tensor);
    if (tensor.fill) largest = std::max(largest, byte_size(tensor));
  }
  try {
    OutputFile output(file);
    output.reserve(total);
    output.write(header);
    const auto buffer = std::make_unique_for_overwrite<std::byte[]>(largest);
    for (const TensorSource& tensor : tensors) {
      if (tensor.fill) {
        const std::span<std::byte> bytes(buffer.get(), byte_size(tensor));
        tensor.fill(bytes);
        output.write(bytes);
      } else {
        const TensorView& origin = tensor.origin.value();
        if (origin.file) {
          output.copy(*origin.file, origin.bytes);
        } else {
          output.write(origin.bytes);
        }
      }
      if (tensor.origin) tensor.origin->release();
    }
    output.close();
  } catch (...) {
    std::error_code ignored;
    fs::remove(file, ignored);
    throw;
  }
}

void write_sharded_safetensors(const fs::path& directory, const std::vector<TensorSource>& tensors,
                               std::uint64_t max_shard_bytes) {
  // transformers refuses a file without this entry.
  const std::map<std::string, std::string> metadata{{"format", "pt"}};
  std::vector<std::vector<TensorSource>> shards(1);
  std::uint64_t total = 0, in_shard = 0;
  for (const TensorSource& tensor : tensors) {
    const std::uint64_t bytes = byte_size(tensor);
    if (!shards.back().empty() && (bytes > max_shard_bytes || in_shard > max_shard_bytes - bytes)) {
      shards.emplace_back();
      in_shard = 0;
    }
    shards.back().push_back(tensor);
    in_shard += bytes;
    total += bytes;
  }
  if (shards.size() == 1) {
    write_safetensors(directory / "model.safetensors", tensors, metadata);
    return;
  }
  std::map<std::string, std::string> weight_map;
  for (std::size_t i = 0; i < shards.size(); ++i) {
    const std::string name = shard_name(i, shards.size());
    for (const TensorSource& tensor : shards[i]) {
      if (!weight_map.emplace(tensor.name, name).second) {
        throw failure("a tensor's name is duplicate",
                      directory.string() + ": tensor \"" + tensor.name + "\"");
      }
    }
    write_safetensors(directory / name, shards[i], metadata);
  }
  const Json index{{"metadata", {{"total_size", total}}}, {"weight_map", weight_map}};
  write_file_atomically(directory / "model.safetensors.index.json", index.dump(2) + "\n");
}

}  // namespace expandft
