#include "export/tuned_directory.h"

#include "base/temp_directory.h"
#include "catch.h"
#include "export/verification.h"
#include "golden.h"
#include "methods/full_last.h"
#include "model/tensors.h"

namespace expandft {
namespace {

using testing::error_of;
using testing::TempDirectory;

/// The golden model in bfloat16, with each tensor passed through `change`.
void write_in_bfloat16(const fs::path& folder, const ModelDirectory& from,
                       const std::function<void(const std::string&, at::Tensor&)>& change = {}) {
  std::vector<TensorSource> tensors;
  for (const auto& [name, view] : from.tensors()) {
    at::Tensor tensor = mapped_tensor(view).to(at::kFloat).clone();
    if (change) change(name, tensor);
    tensors.push_back(source_of(name, tensor, Dtype::kBF16));
  }
  fs::create_directories(folder);
  write_safetensors(folder / "model.safetensors", tensors, {{"format", "pt"}});
  fs::copy_file(from.path() / "config.json", folder / "config.json",
                fs::copy_options::overwrite_existing);
}

TEST_CASE(
    "rounding explains how a bfloat16 model differs from what was trained, and nothing else") {
  const TempDirectory temp;
  const Golden golden("gqa");
  write_in_bfloat16(temp / "base", golden.directory());
  const ModelDirectory base = ModelDirectory::open(temp / "base");
  Decoder decoder = Decoder::load(base, at::kFloat, at::kCPU);
  const auto weights = train_all_weights(decoder);
  at::manual_seed(1);
  for (const Parameter& one : weights->parameters()) {
    one.tensor.mul_(at::rand_like(one.tensor).mul_(0.02).add_(1));
    one.tensor.requires_grad_();  // as a trained tensor: these are written
  }
  const std::vector<LayerOrigin> layers = layer_origins(decoder.spec().layers, {});
  fs::create_directories(temp / "tuned");
  write_tuned(temp / "tuned", base, decoder, layers, 1.0, "card");
  const LogitDifference difference = check_tuned(temp / "tuned", base, decoder, layers);
  REQUIRE(difference.expected);
  CHECK(difference.worst > summation_tolerance(difference.scale));
  CHECK(difference.worst < difference.expected->most);
  CHECK(difference.expected->before.value() < 1e-5);
  CHECK_THAT(describe(difference), has_text("rounding of the weights to bfloat16 explains it"));

  // A change smaller than the rounding errors.
  {
    const ModelDirectory written = ModelDirectory::open(temp / "tuned");
    write_in_bfloat16(temp / "changed", written, [](const std::string& name, at::Tensor& tensor) {
      if (name == "model.norm.weight") tensor.mul_(1.01);
    });
  }
  const Error error = error_of([&] { check_tuned(temp / "changed", base, decoder, layers); });
  CHECK(error.code() == ExitCode::kFailed);
  CHECK_THAT(error.message(), has_text("does not compute what was trained, rounded as its files"));
}

TEST_CASE("a float32 model needs no explanation by rounding") {
  const TempDirectory temp;
  const Golden golden("gqa");
  const ModelDirectory& base = golden.directory();
  Decoder decoder = Decoder::load(base, at::kFloat, at::kCPU);
  const auto weights = train_all_weights(decoder);
  const std::vector<LayerOrigin> layers = layer_origins(decoder.spec().layers, {});
  fs::create_directories(temp / "tuned");
  write_tuned(temp / "tuned", base, decoder, layers, 1.0, "card");
  const LogitDifference difference = check_tuned(temp / "tuned", base, decoder, layers);
  CHECK_FALSE(difference.expected);
  CHECK_THAT(describe(difference), !has_text("rounding"));
}

}  // namespace
}  // namespace expandft
