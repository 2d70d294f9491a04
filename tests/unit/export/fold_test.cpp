#include "base/temp_directory.h"
#include "cast_model.h"
#include "catch.h"
#include "export/merged_directory.h"
#include "export/unmerge.h"
#include "export/verification.h"
#include "families/model_config.h"
#include "golden.h"

#include <cmath>

namespace expandft {
namespace {

using testing::TempDirectory;

/// Copies that differ from their originals.
NamedTensors moved_copies(const ModelDirectory& base, const ExpansionPlan& plan) {
  Decoder decoder = Decoder::load(base, at::kFloat, at::kCPU);
  NamedTensors copies =
      expand(decoder, plan, initial_tensors(base, read_spec(base), plan), at::kFloat).tensors();
  at::manual_seed(3);
  for (auto& [name, tensor] : copies) {
    tensor.add_(at::randn_like(tensor), 0.05).requires_grad_(true);  // as after training
  }
  return copies;
}

DecoderSpec spec_of(const ModelDirectory& base) {
  return read_spec(base);
}

TEST_CASE("shares of base and copies add up to one") {
  const std::int64_t k = GENERATE(2, 3, 4, 7);
  const double strength = GENERATE(0.0, 0.25, 0.8, 1.0);
  const Folding folding{{{0}, k}, Layout::kNative, strength};
  CHECK(base_share(folding, 0) + static_cast<double>(k - 1) * copy_share(folding, 0) ==
        Approx(1.0));
  CHECK(copy_share(folding, 0) == strength / static_cast<double>(k));
}

TEST_CASE("a folded model computes the same as base and copies") {
  // One model for each form of MLPs in a checkpoint.
  const std::string model = GENERATE("gqa", "bias", "gemma3-multimodal", "phi3");
  const Dtype dtype = GENERATE(Dtype::kF32, Dtype::kBF16, Dtype::kF16);
  const std::int64_t k = GENERATE(2, 3);
  const double strength = k == 2 ? 1.0 : 0.6;
  const bool all = GENERATE(true, false);
  CAPTURE(model, config_name(dtype), k, strength, all);
  TempDirectory temp;
  const ModelDirectory base = cast_model(model, dtype, temp.path() / "base");
  const DecoderSpec spec = spec_of(base);
  ExpansionPlan plan{{1}, k};
  if (all) {
    plan.layers.clear();
    for (std::int64_t i = 0; i < spec.layers; ++i) plan.layers.push_back(i);
  }
  const Folding folding{plan, all ? Layout::kNative : Layout::kPadded, strength};
  const NamedTensors copies = moved_copies(base, plan);
  fs::create_directories(temp.path() / "merged");
  write_merged(temp.path() / "merged", base, spec, folding, copies, "card");
  // Throws if the function differs.
  const LogitDifference difference =
      check_written(temp.path() / "merged", base, folding, copies, at::kCPU);
  CHECK(difference.scale > 0.5);
  const DecoderSpec wide = spec_of(ModelDirectory::open(temp.path() / "merged"));
  CHECK(wide.intermediate == k * spec.intermediate);
}

TEST_CASE("gate and up rows are the original's, and down columns are the original's times 1/k") {
  TempDirectory temp;
  const ModelDirectory base = Golden("gqa").directory();
  const DecoderSpec spec = spec_of(base);
  const Folding folding{{{0, 1, 2}, 2}, Layout::kNative, 1.0};
  write_merged(temp.path(), base, spec, folding, moved_copies(base, folding.plan), "card");
  const ModelDirectory merged = ModelDirectory::open(temp.path());
  const auto at_layer = [](const ModelDirectory& directory, const char* part) {
    return mapped_tensor(directory.tensor(TensorNames{}.layer(1, part)));
  };
  const std::int64_t p = spec.intermediate;
  for (const char* part : {"mlp.gate_proj.weight", "mlp.up_proj.weight"}) {
    CHECK(at::equal(at_layer(merged, part).narrow(0, 0, p), at_layer(base, part)));
  }
  CHECK(at::equal(at_layer(merged, "mlp.down_proj.weight").narrow(1, 0, p),
                  at_layer(base, "mlp.down_proj.weight") * 0.5));
  CHECK(at::equal(at_layer(merged, "self_attn.q_proj.weight"),
                  at_layer(base, "self_attn.q_proj.weight")));
}

TEST_CASE("unmerge restores the base byte for byte") {
  const Dtype dtype = GENERATE(Dtype::kF32, Dtype::kF16, Dtype::kBF16);
  const std::int64_t k = GENERATE(2, 4);
  const bool all = GENERATE(true, false);
  const std::string model = GENERATE("bias", "gemma3-multimodal", "phi3");
  CAPTURE(config_name(dtype), k, all, model);
  TempDirectory temp;
  const ModelDirectory base = cast_model(model, dtype, temp.path() / "base");
  ExpansionPlan plan{{1}, k};
  for (std::int64_t i = 0; all && i < spec_of(base).layers; ++i) {
    if (i != 1) plan.layers.push_back(i);
  }
  std::ranges::sort(plan.layers);
  const Folding folding{plan, all ? Layout::kNative : Layout::kPadded, 1.0};
  fs::create_directories(temp.path() / "merged");
  write_merged(temp.path() / "merged", base, spec_of(base), folding, moved_copies(base, plan), "");
  fs::create_directories(temp.path() / "back");
  write_unmerged(temp.path() / "back", ModelDirectory::open(temp.path() / "merged"));

  const ModelDirectory back = ModelDirectory::open(temp.path() / "back");
  REQUIRE(back.tensors().size() == base.tensors().size());
  for (const auto& [name, view] : base.tensors()) {
    CAPTURE(name);
    const TensorView& found = back.tensor(name);
    CHECK(found.shape == view.shape);
    CHECK(std::ranges::equal(found.bytes, view.bytes));
  }
  CHECK(read_file(back.path() / "config.json") == read_file(base.path() / "config.json"));
}

TEST_CASE("numbers that underflow when divided are restored, too") {
  TempDirectory temp;
  const ModelDirectory original = cast_model("gqa", Dtype::kF16, temp.path() / "original");
  // The smallest subnormal, odd subnormals, a negative zero and a NaN in one down projection.
  std::vector<TensorSource> tensors;
  for (const auto& [name, view] : original.tensors()) {
    at::Tensor tensor = mapped_tensor(view).clone();
    if (name == TensorNames{}.layer(0, "mlp.down_proj.weight")) {
      at::Tensor flat = tensor.view(-1);
      flat[0] = std::ldexp(1.0, -24);
      flat[1] = -3 * std::ldexp(1.0, -24);
      flat[2] = -0.0;
      flat[3] = std::nan("");
    }
    tensors.push_back(source_of(name, tensor, Dtype::kF16));
  }
  fs::create_directories(temp.path() / "base");
  write_safetensors(temp.path() / "base" / "model.safetensors", tensors, {});
  fs::copy_file(original.path() / "config.json", temp.path() / "base" / "config.json");
  const ModelDirectory base = ModelDirectory::open(temp.path() / "base");

  const Folding folding{{{0, 1, 2}, 2}, Layout::kNative, 1.0};
  fs::create_directories(temp.path() / "merged");
  write_merged(temp.path() / "merged", base, spec_of(base), folding,
               moved_copies(base, folding.plan), "");
  CHECK(fs::exists(temp.path() / "merged" / "expandft_unmerge.safetensors"));
  fs::create_directories(temp.path() / "back");
  write_unmerged(temp.path() / "back", ModelDirectory::open(temp.path() / "merged"));
  CHECK(ModelDirectory::open(temp.path() / "back").fingerprint() == base.fingerprint());
}

TEST_CASE("a merge that rounded cannot be undone, and a changed model is detected") {
  TempDirectory temp;
  const ModelDirectory base = Golden("gqa").directory();
  const auto merge = [&](const char* name, std::int64_t k, double strength) {
    const Folding folding{{{0, 1, 2}, k}, Layout::kNative, strength};
    fs::create_directories(temp.path() / name);
    write_merged(temp.path() / name, base, spec_of(base), folding, moved_copies(base, folding.plan),
                 "");
    return temp.path() / name;
  };
  fs::create_directories(temp.path() / "back");
  for (const fs::path& merged : {merge("k3", 3, 1.0), merge("s", 2, 0.7)}) {
    try {
      write_unmerged(temp.path() / "back", ModelDirectory::open(merged));
      FAIL("it was undone");
    } catch (const Error& error) {
      CHECK(error.code() == ExitCode::kBadInput);
      CHECK(error.message().find("cannot be undone") != std::string::npos);
    }
  }
  const fs::path changed = merge("changed", 2, 1.0);
  std::string bytes = read_file(changed / "model.safetensors");
  bytes[bytes.size() - 2] ^= 1;
  write_file_atomically(changed / "model.safetensors", bytes);
  try {
    write_unmerged(temp.path() / "back", ModelDirectory::open(changed));
    FAIL("it was not noticed");
  } catch (const Error& error) {
    CHECK(error.code() == ExitCode::kFailed);
    CHECK(error.message().find("not the base") != std::string::npos);
  }
  CHECK_THROWS_AS(read_merged_info(base.path()), Error);
}

TEST_CASE("the check of a written model detects a changed function") {
  TempDirectory temp;
  const ModelDirectory base = Golden("gqa").directory();
  const Folding folding{{{0, 1, 2}, 2}, Layout::kNative, 1.0};
  const NamedTensors copies = moved_copies(base, folding.plan);
  write_merged(temp.path(), base, spec_of(base), folding, copies, "");
  for (const auto& [name, tensor] : copies) tensor.detach().add_(0.02);
  CHECK_THROWS_AS(check_written(temp.path(), base, folding, copies, at::kCPU), Error);
}

}  // namespace
}  // namespace expandft
