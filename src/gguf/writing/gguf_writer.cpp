#include "gguf/writing/gguf_writer.h"

#include "base/error.h"

#include <limits>
#include <set>

namespace expandft {
namespace {

constexpr std::uint64_t kTensorAlignment = 32;

template <typename Number>
void append_number(std::string& bytes, Number number) {
  bytes.append(reinterpret_cast<const char*>(&number), sizeof number);
}

void append_gguf_text(std::string& bytes, std::string_view text) {
  append_number(bytes, std::uint64_t{text.size()});
  bytes.append(text);
}

std::uint64_t padding_after(std::uint64_t bytes) {
  return (kTensorAlignment - bytes % kTensorAlignment) % kTensorAlignment;
}

/// All that precedes the data, padded.
std::string gguf_start(const GgufMetadata& metadata, const std::vector<GgufTensorSource>& tensors) {
  constexpr std::uint32_t kVersion = 3;
  std::string start = "GGUF";
  append_number(start, kVersion);
  append_number(start, std::uint64_t{tensors.size()});
  append_number(start, metadata.size());
  start += metadata.bytes();
  std::set<std::string_view> names;
  std::uint64_t offset = 0;
  for (const GgufTensorSource& tensor : tensors) {
    if (!names.insert(tensor.name).second) {
      throw failure("a tensor's name is duplicate", "tensor \"" + tensor.name + "\"");
    }
    append_gguf_text(start, tensor.name);
    append_number(start, static_cast<std::uint32_t>(tensor.shape.size()));
    for (auto size = tensor.shape.rbegin(); size != tensor.shape.rend(); ++size) {
      append_number(start, static_cast<std::uint64_t>(*size));
    }
    append_number(start, static_cast<std::uint32_t>(tensor.type));
    append_number(start, offset);
    offset += tensor.bytes() + padding_after(tensor.bytes());
  }
  return start.append(padding_after(start.size()), '\0');
}

}  // namespace

void GgufMetadata::begin(const std::string& key, GgufValueType type) {
  append_gguf_text(bytes_, key);
  append_number(bytes_, static_cast<std::uint32_t>(type));
  ++count_;
}

void GgufMetadata::begin_array(const std::string& key, GgufValueType type, std::size_t count) {
  begin(key, GgufValueType::kArray);
  append_number(bytes_, static_cast<std::uint32_t>(type));
  append_number(bytes_, std::uint64_t{count});
}

void GgufMetadata::add_text(const std::string& key, std::string_view value) {
  begin(key, GgufValueType::kString);
  append_gguf_text(bytes_, value);
}

void GgufMetadata::add_size(const std::string& key, std::int64_t value) {
  if (value < 0 || value > std::numeric_limits<std::uint32_t>::max()) {
    throw failure("found " + std::to_string(value) + ", which does not fit into 32 bits",
                  "key \"" + key + "\"");
  }
  begin(key, GgufValueType::kUint32);
  append_number(bytes_, static_cast<std::uint32_t>(value));
}

void GgufMetadata::add_float(const std::string& key, double value) {
  begin(key, GgufValueType::kFloat32);
  append_number(bytes_, static_cast<float>(value));
}

void GgufMetadata::add_flag(const std::string& key, bool value) {
  begin(key, GgufValueType::kBool);
  append_number(bytes_, static_cast<std::uint8_t>(value));
}

void GgufMetadata::add_texts(const std::string& key, const std::vector<std::string>& values) {
  begin_array(key, GgufValueType::kString, values.size());
  for (const std::string& value : values) append_gguf_text(bytes_, value);
}

void GgufMetadata::add_floats(const std::string& key, const std::vector<float>& values) {
  begin_array(key, GgufValueType::kFloat32, values.size());
  for (const float value : values) append_number(bytes_, value);
}

void GgufMetadata::add_integers(const std::string& key, const std::vector<std::int32_t>& values) {
  begin_array(key, GgufValueType::kInt32, values.size());
  for (const std::int32_t value : values) append_number(bytes_, value);
}

void GgufMetadata::add_flags(const std::string& key, const std::vector<bool>& values) {
  begin_array(key, GgufValueType::kBool, values.size());
  for (const bool value : values) append_number(bytes_, static_cast<std::uint8_t>(value));
}

std::uint64_t GgufTensorSource::bytes() const {
  const QuantizedBlock block = block_of(type);
  std::uint64_t numbers = 1;
  for (const std::int64_t size : shape) numbers *= static_cast<std::uint64_t>(size);
  return numbers / static_cast<std::uint64_t>(block.numbers) *
         static_cast<std::uint64_t>(block.bytes);
}

std::uint64_t gguf_file_bytes(const GgufMetadata& metadata,
                              const std::vector<GgufTensorSource>& tensors) {
  std::uint64_t total = gguf_start(metadata, tensors).size();
  for (const GgufTensorSource& tensor : tensors) {
    total += tensor.bytes() + padding_after(tensor.bytes());
  }
  return total;
}

void write_gguf(const fs::path& file, const GgufMetadata& metadata,
                const std::vector<GgufTensorSource>& tensors) {
  OutputFile output(file);
  output.reserve(gguf_file_bytes(metadata, tensors));
  output.write(gguf_start(metadata, tensors));
  for (const GgufTensorSource& tensor : tensors) {
    std::uint64_t written = 0;
    tensor.write([&](std::span<const std::byte> bytes) {
      output.write(bytes);
      written += bytes.size();
    });
    if (written != tensor.bytes()) {
      throw failure(
          "wrote " + std::to_string(written) + " bytes, expected " + std::to_string(tensor.bytes()),
          file.string() + ": tensor \"" + tensor.name + "\"", "report this");
    }
    output.write(std::string(padding_after(written), '\0'));
  }
  output.close();
}

}  // namespace expandft
