#include "gguf/import.h"

#include "base/expect_error.h"
#include "base/temp_directory.h"
#include "catch.h"
#include "gguf/gguf_bytes.h"

#include <cmath>
#include <limits>

using namespace expandft;
using namespace expandft::testing;

namespace {

/// A model of one layer; hidden size 4, two heads of two numbers, MLP 4.
GgufBytes model_of(const std::string& name, std::size_t tokens = 3) {
  const std::vector<std::string> all{"<unk>", "<s>", "</s>", "a", "b"};
  GgufBytes file;
  file.text("general.architecture", name)
      .u32(name + ".block_count", 1)
      .u32(name + ".embedding_length", 4)
      .u32(name + ".feed_forward_length", 4)
      .u32(name + ".attention.head_count", 1)
      .u32(name + ".context_length", 64)
      .f32(name + ".attention.layer_norm_rms_epsilon", 1e-6F)
      .text("tokenizer.ggml.model", "llama")
      .texts("tokenizer.ggml.tokens", {all.begin(), all.begin() + std::ptrdiff_t(tokens)})
      .numbers("tokenizer.ggml.scores", GgufValueType::kFloat32, std::vector<float>(tokens, 0))
      .filled("token_embd.weight", {4, 3})
      .filled("output_norm.weight", {4}, 1.5F);
  return file;
}

std::map<std::string, std::vector<float>> floats_of(const GgufBytes& bytes) {
  const TempDirectory folder;
  const auto import = GgufImport::open(folder.write("m.gguf", bytes.bytes()), Dtype::kF32);
  std::map<std::string, std::vector<float>> numbers;
  for (const TensorSource& tensor : import.tensors) {
    auto& floats = numbers[tensor.name];
    floats.resize(byte_size(tensor) / sizeof(float));
    tensor.fill(std::as_writable_bytes(std::span(floats)));
  }
  return numbers;
}

std::string rows(const std::vector<float>& numbers) {
  std::string bytes;
  for (const float number : numbers) bytes += le(number);
  return bytes;
}

}  // namespace

TEST_CASE("Rows of Llama's queries and keys return to transformers' order", "[gguf]") {
  const GgufBytes file =
      model_of("llama").tensor("blk.0.attn_q.weight", {1, 4}, 0, rows({0, 2, 1, 3}));
  CHECK(floats_of(file).at("model.layers.0.self_attn.q_proj.weight") ==
        std::vector<float>{0, 1, 2, 3});
  const GgufBytes bias = model_of("llama").tensor("blk.0.attn_k.bias", {4}, 0, rows({0, 2, 1, 3}));
  CHECK(floats_of(bias).at("model.layers.0.self_attn.k_proj.bias") ==
        std::vector<float>{0, 1, 2, 3});
  const GgufBytes qwen =
      model_of("qwen2").tensor("blk.0.attn_q.weight", {1, 4}, 0, rows({0, 2, 1, 3}));
  CHECK(floats_of(qwen).at("model.layers.0.self_attn.q_proj.weight") ==
        std::vector<float>{0, 2, 1, 3});
}

TEST_CASE("Norms of Gemma lose the 1 that llama.cpp adds", "[gguf]") {
  CHECK(floats_of(model_of("gemma")).at("model.norm.weight") == std::vector<float>(4, 0.5F));
  CHECK(floats_of(model_of("llama")).at("model.norm.weight") == std::vector<float>(4, 1.5F));
}

TEST_CASE("Tensors that do not belong to the model are refused by name", "[gguf]") {
  const TempDirectory folder;
  for (const std::string name :
       {"blk.1.attn_q.weight", "blk.00.attn_q.weight", "blk.x.attn_q.weight",
        "blk.0.ffn_gate_exps.weight", "v.patch_embd.weight", "blk.0.attn_q.scale", "nonsense"}) {
    const auto path = folder.write("m.gguf", model_of("llama").filled(name, {4, 4}).bytes());
    expect_input_error([&] { GgufImport::open(path, Dtype::kF32); }, {"not known", name});
  }
}

TEST_CASE("A vocabulary larger than the embedding is refused", "[gguf]") {
  const TempDirectory folder;
  const auto path = folder.write("m.gguf", model_of("llama", 4).bytes());
  expect_input_error([&] { GgufImport::open(path, Dtype::kF32); },
                     {"4 tokens", "3 rows", "tokenizer.ggml.tokens"});
}

TEST_CASE("Numbers that are not finite, or too large for bfloat16, are refused", "[gguf]") {
  const TempDirectory folder;
  const auto fill = [&](float number, Dtype dtype) {
    const auto file =
        model_of("llama").tensor("output.weight", {4, 3}, 0, rows(std::vector<float>(12, number)));
    const auto import = GgufImport::open(folder.write("m.gguf", file.bytes()), dtype);
    const TensorSource& tensor = import.tensors.front();
    REQUIRE(tensor.name == "lm_head.weight");
    std::vector<std::byte> bytes(byte_size(tensor));
    tensor.fill(bytes);
  };
  const float largest = std::numeric_limits<float>::max();
  fill(largest, Dtype::kF32);
  fill(3e38F, Dtype::kBF16);
  expect_input_error([&] { fill(largest, Dtype::kBF16); },
                     {"too large for bfloat16", "output.weight", "--dtype float32"});
  expect_input_error([&] { fill(NAN, Dtype::kF32); }, {"not finite", "output.weight"});
}

TEST_CASE("An import counts its numbers by the types they are stored in", "[gguf]") {
  const TempDirectory folder;
  const auto import =
      GgufImport::open(folder.write("m.gguf", model_of("llama").bytes()), Dtype::kBF16);
  CHECK(import.parameters() == 16);
  CHECK(import.weight_bytes() == 32);
  CHECK(import.file.numbers_by_type() == std::map<std::string, std::int64_t>{{"F32", 16}});
  CHECK(is_gguf_file(folder / "m.gguf"));
  CHECK_FALSE(is_gguf_file(folder.path()));
}
