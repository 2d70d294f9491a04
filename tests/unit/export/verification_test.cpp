#include "export/verification.h"

#include "base/temp_directory.h"
#include "catch.h"
#include "export/merged_directory.h"
#include "families/model_config.h"
#include "golden.h"

#include <limits>

namespace expandft {
namespace {

using testing::error_of;
using testing::TempDirectory;

const Folding kFolding{{{0}, 2}, Layout::kNative, 1.0};

/// A Llama of one layer whose head takes several pieces to check.
ModelDirectory wide_headed_model(const fs::path& folder) {
  constexpr std::int64_t kVocab = 70'000, kHidden = 128, kWidth = 16;
  const Json config{{"model_type", "llama"},     {"vocab_size", kVocab},
                    {"hidden_size", kHidden},    {"intermediate_size", kWidth},
                    {"num_hidden_layers", 1},    {"num_attention_heads", 2},
                    {"rms_norm_eps", 1e-5},      {"max_position_embeddings", 32},
                    {"rope_theta", 10000.0},     {"hidden_act", "silu"},
                    {"torch_dtype", "bfloat16"}, {"tie_word_embeddings", false}};
  at::manual_seed(5);
  std::vector<TensorSource> tensors;
  const auto add = [&](const std::string& name, at::IntArrayRef shape) {
    tensors.push_back(source_of(name, at::randn(shape) * 0.1, Dtype::kBF16));
  };
  add("model.embed_tokens.weight", {kVocab, kHidden});
  add("lm_head.weight", {kVocab, kHidden});
  add("model.norm.weight", {kHidden});
  const std::string layer = "model.layers.0.";
  add(layer + "input_layernorm.weight", {kHidden});
  add(layer + "post_attention_layernorm.weight", {kHidden});
  for (const char* name : {"q_proj", "k_proj", "v_proj", "o_proj"}) {
    add(layer + "self_attn." + name + ".weight", {kHidden, kHidden});
  }
  add(layer + "mlp.gate_proj.weight", {kWidth, kHidden});
  add(layer + "mlp.up_proj.weight", {kWidth, kHidden});
  add(layer + "mlp.down_proj.weight", {kHidden, kWidth});
  fs::create_directories(folder);
  write_safetensors(folder / "model.safetensors", tensors, {{"format", "pt"}});
  write_file_atomically(folder / "config.json", config.dump());
  return ModelDirectory::open(folder);
}

/// Writes the merged model again with one row of a tensor changed.
void change_row(const fs::path& merged, const std::string& name, std::int64_t row, double by) {
  std::vector<TensorSource> tensors;
  {
    const ModelDirectory opened = ModelDirectory::open(merged);
    for (const auto& [each, view] : opened.tensors()) {
      at::Tensor tensor = mapped_tensor(view).clone();
      if (each == name) tensor[row].add_(by);
      tensors.push_back(source_of(each, tensor, view.dtype));
    }
  }
  write_safetensors(merged / "model.safetensors", tensors, {{"format", "pt"}});
}

TEST_CASE("the check of a written model covers every piece of a large head") {
  const TempDirectory temp;
  const ModelDirectory base = wide_headed_model(temp / "base");
  const DecoderSpec spec = read_spec(base);
  const NamedTensors copies = initial_tensors(base, spec, kFolding.plan);
  const fs::path merged = temp / "merged";
  fs::create_directories(merged);
  write_merged(merged, base, spec, kFolding, copies, "card");
  const auto check = [&] { return check_written(merged, base, kFolding, copies, at::kCPU); };
  const LogitDifference difference = check();
  CHECK(difference.scale > 0.1);
  CHECK(difference.worst < 1e-4);
  const std::int64_t row = GENERATE(0, 65'535, 69'999);
  const double by = GENERATE(0.5, std::numeric_limits<double>::quiet_NaN());
  CAPTURE(row, by);
  change_row(merged, "lm_head.weight", row, by);
  const Error error = error_of(check);
  CHECK(error.code() == ExitCode::kFailed);
  CHECK(testing::has(error.message(), "does not compute what base and copies do"));
}

TEST_CASE("the check of a written model detects a vocabulary of another size") {
  const TempDirectory temp;
  const ModelDirectory base = wide_headed_model(temp / "base");
  const DecoderSpec spec = read_spec(base);
  const NamedTensors copies = initial_tensors(base, spec, kFolding.plan);
  const fs::path merged = temp / "merged";
  fs::create_directories(merged);
  write_merged(merged, base, spec, kFolding, copies, "card");
  const Json narrower = [&] {
    Json config = read_json(merged / "config.json");
    config["vocab_size"] = 100;
    return config;
  }();
  write_file_atomically(merged / "config.json", narrower.dump());
  const Error error = error_of([&] { check_written(merged, base, kFolding, copies, at::kCPU); });
  CHECK(error.code() == ExitCode::kFailed);
  CHECK(testing::has(error.message(), "does not have the size"));
}

TEST_CASE("the identity check runs in every dtype and on a large head") {
  const TempDirectory temp;
  const ModelDirectory base = wide_headed_model(temp / "base");
  const Dtype dtype = GENERATE(Dtype::kF32, Dtype::kBF16, Dtype::kF16);
  const LogitDifference difference = check_identity(base, kFolding.plan, dtype, at::kCPU);
  CHECK(difference.identical);
  CHECK(difference.scale > 0.1);
}

}  // namespace
}  // namespace expandft
