#include "export/modeling_file.h"

#include "base/error.h"

#include <algorithm>
#include <string_view>
#include <utility>

#include <spdlog/fmt/fmt.h>

namespace expandft {
namespace {

/// The class of transformers that AutoModelForCausalLM loads for a family.
constexpr std::pair<std::string_view, std::string_view> kStockClasses[] = {
    {"llama", "LlamaForCausalLM"},
    {"mistral", "MistralForCausalLM"},
    {"gemma", "GemmaForCausalLM"},
    {"gemma2", "Gemma2ForCausalLM"},
    {"gemma3_text", "Gemma3ForCausalLM"},
    {"gemma3", "Gemma3ForConditionalGeneration"},
    {"qwen2", "Qwen2ForCausalLM"},
    {"qwen3", "Qwen3ForCausalLM"},
    {"phi3", "Phi3ForCausalLM"},
    {"ministral", "MinistralForCausalLM"},
    {"ministral3", "Ministral3ForCausalLM"},
    {"seed_oss", "SeedOssForCausalLM"},
    {"internlm3", "LlamaForCausalLM"},
    {"iquestcoder", "LlamaForCausalLM"},
    {"cwm", "CwmForCausalLM"},
    {"smollm3", "SmolLM3ForCausalLM"},
    {"gemma4_text", "Gemma4ForCausalLM"},
    {"gemma4", "Gemma4ForConditionalGeneration"},
    {"gemma4_unified_text", "Gemma4UnifiedForCausalLM"},
    {"gemma4_unified", "Gemma4UnifiedForConditionalGeneration"},
    {"vaultgemma", "VaultGemmaForCausalLM"},
    {"granite", "GraniteForCausalLM"},
    {"mistral3", "Mistral3ForConditionalGeneration"},
    {"llava", "LlavaForConditionalGeneration"},
    {"smolvlm", "SmolVLMForConditionalGeneration"},
    {"qwen2_vl", "Qwen2VLForConditionalGeneration"},
    {"qwen2_5_vl", "Qwen2_5_VLForConditionalGeneration"},
    {"qwen3_vl", "Qwen3VLForConditionalGeneration"},
};

/// {stock}: the class above; {expanded}: the derived class.
constexpr const char* kModelingText =
    R"py("""A {stock} whose layers have MLPs of different widths, written by expandft.

config.json lists the widths as layer_intermediate_sizes; intermediate_size is the original model's.
Load it with AutoModelForCausalLM.from_pretrained(directory, trust_remote_code=True).
"""

from copy import deepcopy

from transformers import {stock}


class {expanded}({stock}):
    def __init__(self, config):
        super().__init__(config)
        text = deepcopy(config.get_text_config())
        widths = getattr(text, "layer_intermediate_sizes", None) or config.layer_intermediate_sizes
        for layer, text.intermediate_size in zip(self.get_decoder().layers, widths, strict=True):
            layer.mlp = type(layer.mlp)({arguments})
        self.post_init()
)py";

std::string_view stock_class(const DecoderSpec& spec) {
  const auto* const found = std::ranges::find(
      kStockClasses, spec.family, &std::pair<std::string_view, std::string_view>::first);
  if (found != std::end(kStockClasses)) return found->second;
  throw input_error(
      "the layout \"remote-code\" does not support the family \"" + spec.family + "\"", "layout",
      "use layout \"padded\"");
}

}  // namespace

std::string modeling_class(const DecoderSpec& spec) {
  return "Expanded" + std::string(stock_class(spec));
}

std::string modeling_file(const DecoderSpec& spec) {
  // Gemma 4's MLPs are told their place, of which all but the first may double the width.
  const char* const arguments = spec.layer_scale ? "text, 0" : "text";
  return fmt::format(kModelingText, fmt::arg("stock", stock_class(spec)),
                     fmt::arg("expanded", modeling_class(spec)), fmt::arg("arguments", arguments));
}

}  // namespace expandft
