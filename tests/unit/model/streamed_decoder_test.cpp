#include "model/streamed_decoder.h"

#include "base/error.h"
#include "base/temp_directory.h"
#include "catch.h"
#include "golden.h"
#include "model/decoder.h"

namespace expandft {
namespace {

TEST_CASE("a streamed decoder computes the same as a loaded one, bit for bit") {
  const std::string model = GENERATE(from_range(golden_models()));
  const at::ScalarType dtype = GENERATE(at::kFloat, at::kBFloat16);
  CAPTURE(model, c10::toString(dtype));
  const c10::NoGradGuard no_grad;
  const Golden golden(model);
  const ModelDirectory directory = golden.directory();
  const TokenTensors tokens = to_device(golden.batch(), at::kCPU);
  const Decoder loaded = Decoder::load(directory, dtype, at::kCPU);
  const StreamedDecoder streamed(directory, dtype, at::kCPU);
  const at::Tensor hidden = loaded.hidden(tokens);
  CHECK(streamed.hidden(tokens).equal(hidden));

  const std::int64_t vocab = loaded.spec().vocab, cut = vocab / 3;
  const at::Tensor logits = loaded.logits(hidden);
  CHECK(streamed.logits(hidden, 0, vocab).equal(logits));
  const at::Tensor pieces = at::cat(
      {streamed.logits(hidden, 0, cut), streamed.logits(hidden, cut, vocab - cut)}, /*dim=*/1);
  CHECK(at::allclose(pieces.to(at::kFloat), logits.to(at::kFloat), /*rtol=*/1e-2, /*atol=*/1e-5));
}

TEST_CASE("a streamed decoder uses the MLPs that it is given") {
  const Golden golden("gqa");
  const ModelDirectory directory = golden.directory();
  const TokenTensors tokens = to_device(golden.batch(), at::kCPU);
  const StreamedDecoder streamed(directory, at::kFloat, at::kCPU);
  const c10::NoGradGuard no_grad;
  Decoder loaded = Decoder::load(directory, at::kFloat, at::kCPU);
  const auto doubled = [&](const MlpWeights& weights) {
    MlpWeights wider = weights;
    wider.down.weight = weights.down.weight * 2;
    return std::make_unique<DenseMlp>(wider, streamed.spec().activation);
  };
  std::vector<std::int64_t> asked;
  const at::Tensor found =
      streamed.hidden(tokens, [&](std::int64_t layer, const MlpWeights& weights) {
        asked.push_back(layer);
        return doubled(weights);
      });
  CHECK(std::ssize(asked) == streamed.spec().layers);
  CHECK_FALSE(found.equal(loaded.hidden(tokens)));
  for (const std::int64_t layer : asked) {
    loaded.replace_mlp(layer,
                       doubled(loaded.weights().layers[static_cast<std::size_t>(layer)].mlp));
  }
  CHECK(found.equal(loaded.hidden(tokens)));
}

/// A golden model without some tensors and with an additional one.
ModelDirectory changed_model(const fs::path& to, const std::string& without,
                             const std::string& with) {
  const ModelDirectory original = Golden("gqa").directory();
  std::vector<TensorSource> tensors;
  for (const auto& [name, view] : original.tensors()) {
    if (name != without) tensors.push_back(source_of(name, view));
  }
  if (!with.empty()) {
    tensors.push_back(source_of(with, original.tensor("model.norm.weight")));
  }
  write_safetensors(to / "model.safetensors", tensors, {{"format", "pt"}});
  fs::copy_file(original.path() / "config.json", to / "config.json");
  return ModelDirectory::open(to);
}

TEST_CASE("a streamed decoder refuses what a loaded one refuses") {
  const auto error = [](const std::string& without, const std::string& with) {
    const testing::TempDirectory temp;
    const ModelDirectory directory = changed_model(temp.path(), without, with);
    const TokenTensors tokens = to_device(Golden("gqa").batch(), at::kCPU);
    const Error loaded = testing::error_of([&] { Decoder::load(directory, at::kFloat, at::kCPU); });
    const Error streamed =
        testing::error_of([&] { StreamedDecoder(directory, at::kFloat, at::kCPU).hidden(tokens); });
    CHECK(streamed.message() == loaded.message());
    CHECK(streamed.code() == ExitCode::kBadInput);
    return streamed;
  };
  CHECK(testing::has(error("model.layers.1.mlp.up_proj.weight", "").message(), "up_proj"));
  CHECK(testing::has(error("model.norm.weight", "").message(), "model.norm.weight"));
  CHECK(testing::has(error("", "model.layers.0.mlp.extra.weight").message(), "is not used"));
}

}  // namespace
}  // namespace expandft
