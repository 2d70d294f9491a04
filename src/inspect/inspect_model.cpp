#include "inspect/inspect_model.h"

#include "base/error.h"
#include "checkpoint/adapter_directory.h"
#include "checkpoint/model_directory.h"
#include "checkpoint/model_info.h"
#include "checkpoint/peft_adapter.h"
#include "export/unmerge.h"
#include "families/deci.h"
#include "families/model_config.h"
#include "gguf/gguf_config.h"
#include "gguf/gguf_file.h"
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
std::string model_part(const std::string& name) {
  const auto has = [&](const char* word) { return name.find(word) != std::string::npos; };
  if (has("embed_tokens")) return "embedding";
  if (has("lm_head")) return "head";
  if (has("norm")) return "norms";
  if (has(".self_attn.")) return "attention";
  if (has(".mlp.")) return "mlp";
  return "other";
}

Json parts_json(const ModelDirectory& model, std::int64_t parameters) {
  std::map<std::string, std::pair<std::int64_t, std::int64_t>> sums;  // tensors, parameters
  for (const auto& [name, tensor] : model.tensors()) {
    auto& [tensors, numbers] = sums[model_part(name)];
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

Json tokenizer_json(const fs::path& directory) {
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

Json spec_json(const DecoderSpec& spec) {
  Json out = {{"layers", spec.layers},
              {"hidden_size", spec.hidden},
              {"intermediate_size", spec.intermediate},
              {"heads", spec.heads},
              {"kv_heads", spec.kv_heads},
              {"head_dim", spec.head_dim},
              {"vocabulary", spec.vocab},
              {"context", spec.max_positions},
              {"tied_head", spec.tied}};
  if (!spec.layer_widths.empty()) out[kLayerWidthsKey] = spec.layer_widths;
  return out;
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

/// Notices of what can be read.
template <typename Read>
Notices notices_or_none(Read read) {
  try {
    return read();
  } catch (const Error&) {
    return {};
  }
}

}  // namespace

Json inspect_model(const fs::path& directory) {
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
  Json out = {{"kind", is_there(merged) ? "merged model" : "model"},
              {"family", model.config().value("model_type", Json())}};
  Json loads;
  try {
    const DecoderSpec spec = read_spec(model);
    out.update(spec_json(spec));
    loads = loads_in(spec, directory);
  } catch (const Error& error) {
    loads = {{"expandft", "no: " + error.message()}};
  }
  out["parameters"] = parameters;
  out["dtypes"] = dtypes;
  out["weight_bytes"] = model.weight_bytes();
  if (out["kind"] == "merged model" && out.contains("layers")) {
    try {
      out["padding_bytes"] = padding_bytes(model);
    } catch (const Error&) {
      // Nothing was widened in it, or its expandft.json is damaged.
    }
  }
  out["weight_files"] = files.size();
  out["tokenizer"] = tokenizer_json(directory);
  out["loads_in"] = loads;
  if (is_there(merged)) {
    const Json info = read_json(merged);
    const bool is_tuned = info.is_object() && info.value("format", Json()) == kTunedFormat;
    out[is_tuned ? "tuning" : "expansion"] = info;
  }
  out["parts"] = parts_json(model, parameters);
  return out;
}

Json inspect_gguf(const fs::path& path) {
  const GgufFile file = GgufFile::open(path);
  std::int64_t parameters = 0;
  std::uint64_t bytes = 0;
  for (const auto& [name, tensor] : file.tensors()) {
    parameters += tensor.elements();
    bytes += tensor.bytes.size();
  }
  Json out = {{"kind", "GGUF file"}, {"family", gguf_model_type(file)}};
  Json loads = {{"expandft", "yes, imported as bfloat16"}, {"llama.cpp", "yes"}};
  try {
    Notices told_on_import;
    const Json config = gguf_model_config(file, "bfloat16", told_on_import);
    out.update(spec_json(read_spec(config, path.string())));
  } catch (const Error& error) {
    loads["expandft"] = "no: " + error.message();
  }
  out["parameters"] = parameters;
  out["numbers_by_type"] = file.numbers_by_type();
  out["weight_bytes"] = bytes;
  out["weight_files"] = file.parts().size();
  const GgufTexts* const tokens = file.texts("tokenizer.ggml.tokens");
  out["tokenizer"] = {
      {"tokens", tokens == nullptr ? Json() : Json(tokens->size())},
      {"model",
       file.has("tokenizer.ggml.model") ? Json(*file.text("tokenizer.ggml.model")) : Json()},
      {"pre_tokenizer",
       file.has("tokenizer.ggml.pre") ? Json(*file.text("tokenizer.ggml.pre")) : Json()},
      {"chat_template", file.has("tokenizer.chat_template")}};
  out["loads_in"] = loads;
  return out;
}

Json inspect_adapter(const fs::path& directory) {
  const auto add_sizes = [](Json out, const std::map<std::string, TensorView>& tensors) {
    std::uint64_t parameters = 0, bytes = 0;
    for (const auto& [name, tensor] : tensors) {
      parameters += tensor.bytes.size() / size_of(tensor.dtype);
      bytes += tensor.bytes.size();
    }
    out["parameters"] = parameters;
    out["weight_bytes"] = bytes;
    return out;
  };
  if (is_peft_adapter(directory)) {
    const PeftAdapter adapter = PeftAdapter::open(directory);
    const PeftLoraInfo& info = adapter.info();
    return add_sizes({{"kind", "adapter"},
                      {"format", "PEFT LoRA"},
                      {"base_model", info.base_model},
                      {"rank", info.rank},
                      {"alpha", info.alpha},
                      {"target_modules", info.targets.stated()}},
                     adapter.tensors());
  }
  const AdapterDirectory adapter = AdapterDirectory::open(directory);
  const AdapterInfo& info = adapter.info();
  Json out = {{"kind", "adapter"},
              {"base_model", info.base_model},
              {"base_fingerprint", info.base_fingerprint},
              {"layers", info.layers},
              {"copies", info.copies},
              {"hidden_size", info.hidden_size},
              {"intermediate_size", info.intermediate_size},
              {"method", method_text(info.method)},
              {"strength", info.strength}};
  if (!info.widths.empty()) out["neurons_copied"] = info.widths;
  std::map<std::string, TensorView> weights = adapter.tensors();
  std::erase_if(weights, [](const auto& one) { return !AdapterDirectory::is_weight(one.first); });
  return add_sizes(std::move(out), weights);
}

Notices model_notices(const fs::path& directory) {
  Notices notices =
      notices_or_none([&] { return read_spec(ModelDirectory::open(directory)).notices; });
  return joined(std::move(notices),
                notices_or_none([&] { return Tokenizer::load(directory)->notices(); }));
}

}  // namespace expandft
