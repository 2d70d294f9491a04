#include "model/weights.h"

#include "base/temp_directory.h"
#include "catch.h"
#include "golden.h"
#include "model/families.h"

namespace expandft {
namespace {

using testing::error_of;
using testing::TempDirectory;

/// The golden model "gqa" with one tensor in another dtype.
ModelDirectory with_dtype(const fs::path& folder, const std::string& changed, Dtype dtype) {
  const ModelDirectory golden = Golden("gqa").directory();
  fs::copy_file(golden.path() / "config.json", folder / "config.json");
  std::vector<TensorSource> sources;
  for (const auto& [name, view] : golden.tensors()) {
    sources.push_back(source_of(name, mapped_tensor(view), name == changed ? dtype : view.dtype));
  }
  write_safetensors(folder / "model.safetensors", sources, {});
  return ModelDirectory::open(folder);
}

TEST_CASE("weights of integers or doubles are refused with name and dtype") {
  const auto [dtype, name] = GENERATE(std::pair(Dtype::kI64, "I64"), std::pair(Dtype::kI32, "I32"),
                                      std::pair(Dtype::kF64, "F64"));
  const std::string changed =
      GENERATE("model.norm.weight", "model.layers.1.self_attn.k_proj.weight");
  const TempDirectory folder;
  const ModelDirectory directory = with_dtype(folder.path(), changed, dtype);
  const Error error = error_of(
      [&] { load_weights(directory, read_spec(directory.config(), ""), at::kFloat, at::kCPU); });
  CHECK(error.code() == ExitCode::kBadInput);
  CHECK_THAT(error.message(), has_text(changed) && has_text(name) && has_text("expected F32"));
}

TEST_CASE("a tensor that would change the function and is not used is refused") {
  const TempDirectory folder;
  const ModelDirectory golden = Golden("gqa").directory();
  fs::copy_file(golden.path() / "config.json", folder.path() / "config.json");
  const std::string extra =
      GENERATE("model.layers.1.self_attn.q_norm.weight", "model.layers.0.self_attn.q_proj.bias",
               "model.layers.3.input_layernorm.weight", "model.norm.bias");
  std::vector<TensorSource> sources;
  for (const auto& [name, view] : golden.tensors()) sources.push_back(source_of(name, view));
  sources.push_back(source_of(extra, at::ones({12}), Dtype::kF32));
  // These two change nothing: one is derived, the other tied.
  sources.push_back(
      source_of("model.layers.0.self_attn.rotary_emb.inv_freq", at::ones({6}), Dtype::kF32));
  sources.push_back(source_of("lm_head.weight", at::ones({96, 48}), Dtype::kF32));
  write_safetensors(folder.path() / "model.safetensors", sources, {});
  const ModelDirectory directory = ModelDirectory::open(folder.path());
  const Error error =
      error_of([&] { load_weights(directory, read_spec(directory), at::kFloat, at::kCPU); });
  CHECK(error.code() == ExitCode::kBadInput);
  CHECK_THAT(error.message(), has_text("\"" + extra + "\"") && has_text("no use"));
}

TEST_CASE("weights of a half precision are loaded") {
  const Dtype dtype = GENERATE(Dtype::kF16, Dtype::kBF16);
  const TempDirectory folder;
  const ModelDirectory directory = with_dtype(folder.path(), "model.norm.weight", dtype);
  const DecoderWeights weights =
      load_weights(directory, read_spec(directory.config(), ""), at::kFloat, at::kCPU);
  const DecoderWeights base = load_weights(Golden("gqa").directory(),
                                           read_spec(directory.config(), ""), at::kFloat, at::kCPU);
  CHECK(worst_difference(weights.final_norm, base.final_norm) < 0.01);
  CHECK(weights.head.equal(base.head));
}

}  // namespace
}  // namespace expandft
