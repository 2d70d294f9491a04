#include "fuzz.h"
#include "gguf/import.h"

using namespace expandft;

// A whole GGUF file. Accepted tensors are inside the file and apart, and what they become has the
// size that it should have; its tokenizer is written. Outputs stay in proportion to the file.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const fuzz::Folder folder;
  const fs::path file = folder.write("m.gguf", fuzz::as_text(data, size));
  fuzz::expect_input_error([&] {
    const GgufHeader header = parse_gguf_header(std::as_bytes(std::span(data, size)), "fuzz");
    for (const auto& [name, entry] : header.tensors) {
      if (entry.begin > entry.end || entry.end > size) std::abort();
    }
  });
  fuzz::expect_input_error([&] {
    const GgufFile gguf = GgufFile::open(file);
    for (const auto& [name, tensor] : gguf.tensors()) {
      std::vector<float> numbers(static_cast<std::size_t>(tensor.elements()));
      dequantize(tensor.type, tensor.bytes, numbers);
    }
    for (const TextFile& text : gguf_tokenizer_files(gguf, "llama")) {
      if (text.bytes.size() > 10'000 + 1000 * size) std::abort();
    }
  });
  fuzz::expect_input_error([&] {
    const GgufImport import = GgufImport::open(file, Dtype::kBF16);
    for (const TensorSource& tensor : import.tensors) {
      std::vector<std::byte> bytes(byte_size(tensor));
      tensor.fill(bytes);
    }
    import.config.dump();
  });
  return 0;
}
