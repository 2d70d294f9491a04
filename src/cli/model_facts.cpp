#include "base/error.h"
#include "checkpoint/model_directory.h"
#include "checkpoint/model_info.h"
#include "cli/facts.h"
#include "export/unmerge.h"
#include "families/deci.h"
#include "families/model_config.h"
#include "tokenizer/tokenizer.h"

#include <map>
#include <set>
#include <string>

namespace expandft {
namespace {

std::int64_t count(const TensorView& tensor) {
  std::int64_t numbers = 1;
  for (const std::int64_t size : tensor.shape) numbers *= size;
  return numbers;
}

/// The part of a model that a tensor belongs to, by its name.
std::string part_of(const std::string& name) {
  const auto has = [&](const char* word) { return name.find(word) != std::string::npos; };
  if (has("embed_tokens")) return "embedding";
  if (has("lm_head")) return "head";
  if (has("norm")) return "norms";
  if (has(".self_attn.")) return "attention";
  if (has(".mlp.")) return "mlp";
  return "other";
}

Json part_facts(const ModelDirectory& model, std::int64_t parameters) {
  std::map<std::string, std::pair<std::int64_t, std::int64_t>> sums;  // tensors, parameters
  for (const auto& [name, tensor] : model.tensors()) {
    auto& [tensors, numbers] = sums[part_of(name)];
    ++tensors;
    numbers += count(tensor);
  }
  Json parts = Json::array();
  for (const char* part : {"embedding", "attention", "mlp", "norms", "head", "other"}) {
    if (!sums.contains(part)) continue;
    const auto [tensors, numbers] = sums.at(part);
    parts.push_back({{"part", part},
                     {"tensors", tensors},
                     {"parameters", numbers},
                     {"share", static_cast<double>(numbers) / static_cast<double>(parameters)}});
  }
  return parts;
}

Json tokenizer_facts(const fs::path& directory) {
  try {
    const auto tokenizer = Tokenizer::load(directory);
    const auto name = [&](std::optional<TokenId> id) {
      return id ? Json(tokenizer->token(*id)) : Json();
    };
    return {{"tokens", tokenizer->size()},
            {"bos", name(tokenizer->bos())},
            {"eos", name(tokenizer->eos())},
            {"adds_bos", tokenizer->adds_bos()}};
  } catch (const Error& error) {
    return {{"none", error.message()}};
  }
}

Json spec_facts(const DecoderSpec& spec) {
  Json facts = {{"layers", spec.layers},
                {"hidden_size", spec.hidden},
                {"intermediate_size", spec.intermediate},
                {"heads", spec.heads},
                {"kv_heads", spec.kv_heads},
                {"head_dim", spec.head_dim},
                {"vocabulary", spec.vocab},
                {"context", spec.max_positions},
                {"tied_head", spec.tied}};
  if (!spec.layer_widths.empty()) facts[kLayerWidthsKey] = spec.layer_widths;
  return facts;
}

/// Programs that load the model, as far as its family, layout and files tell.
Json loads_in(const DecoderSpec& spec, const fs::path& directory) {
  if (spec.family == kDeciModelType) {
    return {{"expandft", "yes"},
            {"transformers", "only with NVIDIA's remote code for DeciLM"},
            {"vllm", "yes, as DeciLM, with NVIDIA's configuration code; untried"},
            {"llama.cpp", is_there(directory / "tokenizer.json")
                              ? "yes, converted to GGUF"
                              : "yes, converted to GGUF, once tokenizer.json is there"}};
  }
  if (!spec.layer_widths.empty()) {
    return {{"expandft", "yes"},
            {"transformers", "with trust_remote_code"},
            {"vllm", "untried"},
            {"llama.cpp", "no"}};
  }
  return {{"expandft", "yes"},
          {"transformers", "yes"},
          {"vllm", "yes"},
          {"llama.cpp", "yes, converted to GGUF"}};
}

}  // namespace

Json model_facts(const fs::path& directory) {
  const ModelDirectory model = ModelDirectory::open(directory);
  const fs::path merged = directory / kModelInfoFile;
  std::int64_t parameters = 0;
  std::set<std::string> dtypes;
  std::set<fs::path> files;
  for (const auto& [name, tensor] : model.tensors()) {
    parameters += count(tensor);
    dtypes.emplace(safetensors_name(tensor.dtype));
    if (tensor.file) files.insert(tensor.file->path());
  }
  Json facts = {{"kind", is_there(merged) ? "merged model" : "model"},
                {"family", model.config().value("model_type", Json())}};
  Json loads;
  try {
    const DecoderSpec spec = read_spec(model);
    facts.update(spec_facts(spec));
    loads = loads_in(spec, directory);
  } catch (const Error& error) {
    loads = {{"expandft", "no: " + error.message()}};
  }
  facts["parameters"] = parameters;
  facts["dtypes"] = dtypes;
  facts["weight_bytes"] = model.weight_bytes();
  if (facts["kind"] == "merged model" && facts.contains("layers")) {
    try {
      facts["padding_bytes"] = padding_bytes(model);
    } catch (const Error&) {
      // Nothing was widened in it, or its expandft.json is damaged.
    }
  }
  facts["weight_files"] = files.size();
  facts["tokenizer"] = tokenizer_facts(directory);
  facts["loads_in"] = loads;
  if (is_there(merged)) {
    const Json info = read_json(merged);
    const bool is_tuned = info.is_object() && info.value("format", Json()) == kTunedFormat;
    facts[is_tuned ? "tuning" : "expansion"] = info;
  }
  facts["parts"] = part_facts(model, parameters);
  return facts;
}

}  // namespace expandft
