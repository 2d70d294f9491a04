#include "model/weights.h"

#include "base/temp_directory.h"
#include "catch.h"
#include "families/model_config.h"
#include "golden.h"

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

TEST_CASE("an unused tensor that would change the function is refused") {
  const TempDirectory folder;
  const ModelDirectory golden = Golden("gqa").directory();
  fs::copy_file(golden.path() / "config.json", folder.path() / "config.json");
  const std::string extra =
      GENERATE("model.layers.1.self_attn.q_norm.weight", "model.layers.0.self_attn.q_proj.bias",
               "model.layers.3.input_layernorm.weight", "model.norm.bias", "lm_head.bias");
  std::vector<TensorSource> sources;
  for (const auto& [name, view] : golden.tensors()) sources.push_back(source_of(name, view));
  sources.push_back(source_of(extra, at::ones({12}), Dtype::kF32));
  // These two have no effect: one is derived, the other tied.
  sources.push_back(
      source_of("model.layers.0.self_attn.rotary_emb.inv_freq", at::ones({6}), Dtype::kF32));
  sources.push_back(source_of("lm_head.weight", golden.tensor("model.embed_tokens.weight")));
  write_safetensors(folder.path() / "model.safetensors", sources, {});
  const ModelDirectory directory = ModelDirectory::open(folder.path());
  const Error error =
      error_of([&] { load_weights(directory, read_spec(directory), at::kFloat, at::kCPU); });
  CHECK(error.code() == ExitCode::kBadInput);
  CHECK_THAT(error.message(), has_text("\"" + extra + "\"") && has_text("is not used"));
}

/// The golden model "gqa", whose head is tied, with another tensor and other config fields.
ModelDirectory with_tensor(const fs::path& folder, const std::string& name,
                           const at::Tensor& tensor, const Json& fields = Json::object()) {
  const ModelDirectory golden = Golden("gqa").directory();
  Json config = golden.config();
  config.update(fields);
  write_file_atomically(folder / "config.json", config.dump());
  std::vector<TensorSource> sources;
  for (const auto& [one, view] : golden.tensors()) sources.push_back(source_of(one, view));
  sources.push_back(source_of(name, tensor, Dtype::kF32));
  write_safetensors(folder / "model.safetensors", sources, {});
  return ModelDirectory::open(folder);
}

TEST_CASE(
    "a head in the file that differs from the embedding is used although the config ties it") {
  const TempDirectory folder;
  const at::Tensor own = at::full({96, 48}, 0.25);
  const ModelDirectory directory = with_tensor(folder.path(), "lm_head.weight", own);
  const DecoderSpec spec = read_spec(directory);
  CHECK_FALSE(spec.tied);
  REQUIRE(spec.notices.size() == 1);
  CHECK_THAT(notice_text(spec.notices.front()),
             has_text("lm_head.weight") && has_text("ties") && has_text("tie_word_embeddings"));
  CHECK(load_weights(directory, spec, at::kFloat, at::kCPU).head.equal(own));
}

TEST_CASE("a head in the file that equals the embedding stays tied, without a notice") {
  const TempDirectory folder;
  const ModelDirectory golden = Golden("gqa").directory();
  const ModelDirectory directory = with_tensor(
      folder.path(), "lm_head.weight", mapped_tensor(golden.tensor("model.embed_tokens.weight")));
  CHECK(read_spec(directory).tied);
  CHECK(read_spec(directory).notices.empty());
}

TEST_CASE("a head that is neither tied nor in the files is refused") {
  const TempDirectory folder;
  const ModelDirectory directory =
      with_tensor(folder.path(), "model.layers.0.self_attn.rotary_emb.inv_freq", at::ones({6}),
                  {{"tie_word_embeddings", false}});
  const Error error = error_of([&] { read_spec(directory); });
  CHECK(error.code() == ExitCode::kBadInput);
  CHECK_THAT(error.message(), has_text("\"lm_head.weight\" is missing"));
  CHECK_THAT(error.hint(), has_text("tie_word_embeddings"));
}

TEST_CASE("tensors that do not belong to the decoder are named, except those without effect") {
  const auto notices_with = [](const std::string& name) {
    const TempDirectory folder;
    std::string texts;
    const ModelDirectory directory = with_tensor(folder.path(), name, at::ones({4}));
    for (const Notice& notice : read_spec(directory).notices) texts += notice_text(notice);
    return texts;
  };
  for (const char* name : {"score.weight", "model.mtp.0.norm.weight", "vision_tower.patch.weight",
                           "base_model.model.model.layers.0.mlp.up_proj.lora_A.weight"}) {
    CHECK_THAT(notices_with(name), has_text(name) && has_text("not part of the decoder"));
  }
  CHECK(notices_with("model.rotary_emb.inv_freq").empty());
  for (const std::string& model : golden_models()) {
    CAPTURE(model);
    CHECK(read_spec(Golden(model).directory()).notices.empty());
  }
}

TEST_CASE("16-bit weights are loaded") {
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
