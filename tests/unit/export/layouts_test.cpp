#include "base/temp_directory.h"
#include "catch.h"
#include "export/merged_directory.h"
#include "export/modeling_file.h"
#include "export/unmerge.h"
#include "export/verification.h"
#include "families/deci.h"
#include "families/model_config.h"
#include "golden.h"

#include <numeric>

namespace expandft {
namespace {

using testing::error_of;
using testing::has;
using testing::TempDirectory;

/// A model directory: a golden model, or stories260K, which fits DeciLM.
ModelDirectory directory_of(const std::string& model) {
  if (model == "stories260K") return ModelDirectory::open(fs::path(EXPANDFT_DATA) / model);
  return Golden(model).directory();
}

/// Copies as after training: they differ from their originals and are live parameters.
NamedTensors noisy_copies(const ModelDirectory& base, const ExpansionPlan& plan) {
  NamedTensors copies;
  at::manual_seed(3);
  for (const auto& [name, tensor] : initial_tensors(base, read_spec(base), plan)) {
    const at::Tensor moved = tensor + 0.05 * at::randn_like(tensor);
    copies.emplace_back(name, at::Tensor(moved).requires_grad_(true));
  }
  return copies;
}

std::vector<std::int64_t> all_layers(const DecoderSpec& spec) {
  std::vector<std::int64_t> layers(static_cast<std::size_t>(spec.layers));
  std::iota(layers.begin(), layers.end(), 0);
  return layers;
}

TEST_CASE("the width of a layer in each layout") {
  DecoderSpec spec;
  spec.layers = 3;
  spec.intermediate = 300;
  const auto widths = [&](Layout layout) {
    const Folding folding{{{1}, 3}, layout, 1.0};
    return std::vector{folded_width(folding, spec, 0), folded_width(folding, spec, 1),
                       folded_width(folding, spec, 2)};
  };
  CHECK(widths(Layout::kPadded) == std::vector<std::int64_t>{900, 900, 900});
  CHECK(widths(Layout::kRemoteCode) == std::vector<std::int64_t>{300, 900, 300});
  CHECK(widths(Layout::kDeci) == std::vector<std::int64_t>{512, 1024, 512});
  CHECK(folded_width({{{0, 1, 2}, 3}, Layout::kNative, 1.0}, spec, 2) == 900);
}

TEST_CASE("each layout has a name") {
  for (const auto& [name, layout] : kLayoutNames) CHECK(layout_name(layout) == name);
}

TEST_CASE("config.json of the layout remote-code, read back") {
  const std::string model = GENERATE(from_range(golden_models()));
  CAPTURE(model);
  const ModelDirectory base = Golden(model).directory();
  const DecoderSpec spec = read_spec(base);
  const Folding folding{{{1}, 2}, Layout::kRemoteCode, 1.0};
  const Json config = folded_config(base.config(), folding, spec);
  const DecoderSpec found = read_spec(config, "config.json");
  CHECK(found.family == spec.family);
  CHECK(found.intermediate == spec.intermediate);
  for (std::int64_t i = 0; i < spec.layers; ++i) {
    CHECK(found.width(i) == (i == 1 ? 2 : 1) * spec.width(i));
  }
  const std::string name = modeling_class(spec);
  CHECK(config.at("auto_map") == Json{{"AutoModelForCausalLM", "modeling_expandft." + name}});
  // InternLM 3 is a Llama in transformers.
  const std::string stated = base.config().at("architectures").at(0);
  const std::string stock = stated == "InternLM3ForCausalLM" ? "LlamaForCausalLM" : stated;
  CHECK(name == "Expanded" + stock);
  CHECK(has(modeling_file(spec), "class " + name + "(" + stock + "):"));
  CHECK(has(modeling_file(spec), kLayerWidthsKey));
}

TEST_CASE("config.json does not name code files that are not copied") {
  const ModelDirectory base = Golden("phi3").directory();
  Json config = base.config();
  config["auto_map"] = {{"AutoConfig", "configuration_phi3.Phi3Config"}};
  const DecoderSpec spec = read_spec(base);
  const Folding padded{{{1}, 2}, Layout::kPadded, 1.0};
  CHECK_FALSE(folded_config(config, padded, spec).contains("auto_map"));
  const Folding remote{{{1}, 2}, Layout::kRemoteCode, 1.0};
  CHECK_FALSE(folded_config(config, remote, spec).at("auto_map").contains("AutoConfig"));
}

TEST_CASE("layouts with a width for each layer keep the function, and unmerge restores the base") {
  // One model for each form of MLPs in a checkpoint.
  const auto [model, layout] =
      GENERATE(table<std::string, Layout>({{"gqa", Layout::kRemoteCode},
                                           {"bias", Layout::kRemoteCode},
                                           {"gemma3-multimodal", Layout::kRemoteCode},
                                           {"phi3", Layout::kRemoteCode},
                                           {"stories260K", Layout::kRemoteCode},
                                           {"stories260K", Layout::kDeci}}));
  const std::int64_t k = GENERATE(2, 3, 4);
  const bool all = GENERATE(true, false);
  CAPTURE(model, layout_name(layout), k, all);
  const ModelDirectory base = directory_of(model);
  const DecoderSpec spec = read_spec(base);
  const ExpansionPlan plan{all ? all_layers(spec) : std::vector<std::int64_t>{1}, k};
  const Folding folding{plan, resolve_layout(layout, plan, spec), 1.0};
  const NamedTensors copies = noisy_copies(base, plan);

  TempDirectory temp;
  fs::create_directories(temp / "merged");
  write_merged(temp / "merged", base, spec, folding, copies, "card");
  // Throws if the function differs.
  CHECK(check_written(temp / "merged", base, folding, copies, at::kCPU).scale > 0.5);

  const ModelDirectory merged = ModelDirectory::open(temp / "merged");
  const DecoderSpec wide = read_spec(merged);
  for (std::int64_t i = 0; i < spec.layers; ++i) {
    CHECK(wide.width(i) == folded_width(folding, spec, i));
  }
  CHECK(fs::exists(merged.path() / "modeling_expandft.py") == (layout == Layout::kRemoteCode));
  CHECK(read_merged_info(merged.path()).layout == layout);
  CHECK(merged.weight_bytes() == folded_bytes(base, spec, folding));

  const Error again =
      error_of([&] { make_plan(LayerSelection::parse(std::string("all"), "here"), 2, wide); });
  CHECK(has(again.message(), "already expanded"));

  if (k == 3) return;  // rounded
  fs::create_directories(temp / "back");
  write_unmerged(temp / "back", merged);  // compares fingerprints
  CHECK(ModelDirectory::open(temp / "back").fingerprint() == base.fingerprint());
  CHECK(read_file(temp / "back" / "config.json") == read_file(base.path() / "config.json"));
}

TEST_CASE("layout deci is refused for arithmetic that DeciLM does not have") {
  const std::string model = GENERATE("bias", "gemma3", "qwen3", "phi3");
  const DecoderSpec spec = read_spec(Golden(model).directory());
  const ExpansionPlan plan{{0}, 2};
  const Error error = error_of([&] { resolve_layout(Layout::kDeci, plan, spec); });
  CHECK(error.code() == ExitCode::kBadInput);
  CHECK(has(error.message(), "DeciLM does not support " + deci_obstacle(spec)));
  CHECK(has(error.hint(), "remote-code"));
}

TEST_CASE("layout remote-code is refused for a family without a class") {
  DecoderSpec spec;
  spec.family = "mamba";
  const Error error = error_of([&] { modeling_class(spec); });
  CHECK(error.code() == ExitCode::kBadInput);
  CHECK(has(error.message(), "\"mamba\""));
}

}  // namespace
}  // namespace expandft
