#include "export/gguf_file.h"

#include "base/error.h"
#include "checkpoint/model_info.h"
#include "config/hub_cache.h"
#include "export/assembled_model.h"
#include "export/merged_directory.h"
#include "export/unmerge.h"
#include "export/verification.h"
#include "families/model_config.h"
#include "gguf/writing/gguf_target.h"
#include "gguf/writing/quantize.h"
#include "growth/plan.h"
#include "model/tensors.h"

#include <algorithm>
#include <cmath>

#include <spdlog/fmt/fmt.h>

namespace expandft {
namespace {

GgufType resolved_type(GgufNumberType type, const ModelDirectory& base) {
  switch (type) {
    case GgufNumberType::kF32:
      return GgufType::kF32;
    case GgufNumberType::kF16:
      return GgufType::kF16;
    case GgufNumberType::kBF16:
      return GgufType::kBF16;
    case GgufNumberType::kQ8_0:
      return GgufType::kQ8_0;
    case GgufNumberType::kQ4_0:
      return GgufType::kQ4_0;
    case GgufNumberType::kAuto:
      break;
  }
  return gguf_type_of(base.tensor(find_tensor_names(base).embedding()).dtype);
}

ModelToExport model_to_export(const ModelDirectory& base, const DecoderSpec& spec,
                              const std::string& name) {
  return {.name = name,
          .config = base.config(),
          .tensors = {},
          .names = spec.names,
          .tied = spec.tied,
          .tokenizer = base.path(),
          .where = base.path().string(),
          .info = {}};
}

/// Half a unit in the last place of the largest number that a type rounds with others.
double rounding_of_type(GgufType type) {
  switch (type) {
    case GgufType::kF16:
      return rounding_of(Dtype::kF16);
    case GgufType::kBF16:
      return rounding_of(Dtype::kBF16);
    case GgufType::kQ8_0:
      return 1.0 / 254;
    case GgufType::kQ4_0:
      return 1.0 / 16;
    default:
      return rounding_of(Dtype::kF32);
  }
}

/// Throws a failure unless a reader of the file computes what the model with rounded numbers does.
void check_read_back(const AssembledModel& read, const GgufExport& gguf, at::Device device) {
  const AssembledModel rounded = AssembledModel::of(gguf, /*rounded=*/true);
  const ReadableModel a = read.readable(), b = rounded.readable();
  const StreamedDecoder file(a.files, at::kFloat, device, a.tensors),
      memory(b.files, at::kFloat, device, b.tensors);
  const TokenTensors probe = probe_tokens(memory.spec(), device);
  const at::Tensor expected = memory.hidden(probe);
  const LogitDifference difference =
      compare_logits(file, file.hidden(probe), [&](std::int64_t begin, std::int64_t count) {
        return memory.logits(expected, begin, count);
      });
  const double allowed = summation_tolerance(difference.scale);
  if (std::isfinite(difference.worst) && difference.worst <= allowed) return;
  throw failure(fmt::format("what the GGUF file says is not the model: logits differ by up to "
                            "{:.3g}, expected at most {:.3g} (largest logit {:.3g})",
                            difference.worst, allowed, difference.scale),
                gguf.model().where, "nothing was written; report this");
}

/// Completes a check: `model` is the difference of the model before it became a file.
GgufCheck check_file(const fs::path& written, const GgufExport& gguf, const LogitDifference& model,
                     at::Device device, const fs::path& scratch,
                     const std::function<LogitDifference(const ReadableModel&)>& difference_of) {
  GgufCheck check{model, check_gguf_parts(written, gguf, scratch)};
  const GgufImport import = GgufImport::open(written, Dtype::kF32);
  const AssembledModel read = AssembledModel::of(import);
  check_read_back(read, gguf, device);
  if (gguf.is_exact()) return check;
  check.difference = difference_of(read.readable());
  const double scale = check.difference.scale;
  check.difference.expected = {.cause = "rounding of the weights to " + gguf_type_name(gguf.type()),
                               .most = summation_tolerance(scale) +
                                       std::max(scale, 1.0) * 16 * rounding_of_type(gguf.type()),
                               .before = model.worst};
  return check;
}

}  // namespace

bool is_our_gguf_file(const fs::path& file) {
  try {
    return GgufFile::open(file).has(kGgufInfoKey);
  } catch (const Error&) {
    return false;
  }
}

Layout layout_for(const OutputForm& form, Layout layout, const ExpansionPlan& plan,
                  const DecoderSpec& spec) {
  if (!form.is_gguf()) return resolve_layout(layout, plan, spec);
  if (layout == Layout::kRemoteCode) {
    throw input_error("layout \"remote-code\" needs a Python file, which a GGUF file cannot hold",
                      "layout", "use layout \"padded\" or \"deci\"");
  }
  if (layout == Layout::kAuto && !grows_evenly(plan, spec) && gguf_holds_widths(spec))
    return Layout::kDeci;
  return resolve_layout(layout, plan, spec);
}

GgufExport gguf_of(const ModelDirectory& model, GgufNumberType type) {
  const DecoderSpec spec = read_spec(model);
  ModelToExport out = model_to_export(model, spec, "");
  for (const auto& [name, view] : model.tensors()) out.tensors.push_back(source_of(name, view));
  return {std::move(out), resolved_type(type, model)};
}

GgufExport folded_gguf(const ModelDirectory& base, const DecoderSpec& spec, const Folding& folding,
                       const NamedTensors& copies, GgufNumberType type, const std::string& name) {
  ModelToExport model = model_to_export(base, spec, name);
  model.config = folded_config(base.config(), folding, spec);
  model.tensors = fold(base, spec, folding, copies);
  model.info = {{kGgufInfoKey, merged_info_json(merged_info(base, spec, folding)).dump()}};
  if (is_reversible(folding)) {
    Json neurons = Json::object();
    for (const auto& [layer, indices] : shared_neurons(folding.plan)) {
      neurons[std::to_string(layer)] = indices;
    }
    if (!neurons.empty()) model.info.emplace_back(kGgufNeuronsKey, neurons.dump());
  }
  return {std::move(model), resolved_type(type, base)};
}

GgufExport tuned_gguf(const ModelDirectory& base, const Decoder& decoder,
                      const std::vector<LayerOrigin>& layers, const Strength& strength,
                      GgufNumberType type, const std::string& name) {
  ModelToExport model = model_to_export(base, decoder.spec(), name);
  model.config = tuned_config(base.config(), decoder.spec(), layers);
  model.tensors = tuned_tensors(base, decoder, layers);
  model.info = {{kGgufInfoKey, tuned_info_json(model_name(base.path()), strength).dump()}};
  return {std::move(model), resolved_type(type, base)};
}

GgufCheck check_folded_gguf(const fs::path& written, const GgufExport& gguf,
                            const ModelDirectory& base, const Folding& folding,
                            const NamedTensors& copies, at::Device device,
                            const fs::path& scratch) {
  const AssembledModel model = AssembledModel::of(gguf, /*rounded=*/false);
  const LogitDifference before = check_written(model.readable(), base, folding, copies, device);
  return check_file(written, gguf, before, device, scratch, [&](const ReadableModel& read) {
    return difference_to_split(read, base, folding, copies, device);
  });
}

GgufCheck check_tuned_gguf(const fs::path& written, const GgufExport& gguf,
                           const ModelDirectory& base, const Decoder& decoder,
                           const std::vector<LayerOrigin>& layers, const fs::path& scratch) {
  const AssembledModel model = AssembledModel::of(gguf, /*rounded=*/false);
  const LogitDifference before = check_tuned(model.readable(), base, decoder, layers);
  return check_file(
      written, gguf, before, decoder.device(), scratch,
      [&](const ReadableModel& read) { return difference_to_decoder(read, decoder); });
}

}  // namespace expandft
