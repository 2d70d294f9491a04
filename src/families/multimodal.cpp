#include "families/multimodal.h"

#include <algorithm>

namespace expandft {
namespace {

// Published text_configs of these types leave out what is the default of LlamaConfig.
constexpr std::string_view kLlamaSizes =
    R"({"vocab_size": 32000, "hidden_size": 4096, "intermediate_size": 11008,
        "num_hidden_layers": 32, "num_attention_heads": 32})";

constexpr Multimodal kMultimodal[] = {
    {.model_type = "gemma3",
     .text_type = "gemma3_text",
     .tied = true,
     .drops_logit_softcap = true,
     .parts = {"vision_tower.", "multi_modal_projector."}},
    {.model_type = "gemma4",
     .text_type = "gemma4_text",
     .tied = true,
     .parts = {"vision_tower.", "embed_vision.", "audio_tower.", "embed_audio."}},
    {.model_type = "gemma4_unified",
     .text_type = "gemma4_unified_text",
     .tied = true,
     .parts = {"vision_embedder.", "embed_vision.", "embed_audio."}},
    {.model_type = "mistral3",
     .text_type = "mistral",
     .any_text_type = true,
     .tied = true,
     .parts = {"vision_tower.", "multi_modal_projector."}},
    {.model_type = "llava",
     .text_type = "llama",
     .any_text_type = true,
     .text_defaults = kLlamaSizes,
     .ties_inside = true,
     .parts = {"vision_tower.", "multi_modal_projector."}},
    {.model_type = "smolvlm",
     .text_type = "llama",
     .any_text_type = true,
     .text_defaults = kLlamaSizes,
     .parts = {"vision_model.", "connector."}},
    {.model_type = "qwen2_vl",
     .text_type = "qwen2_vl_text",
     .has_flat_config = true,
     .ties_inside = true,
     .parts = {"visual."}},
    {.model_type = "qwen2_5_vl",
     .text_type = "qwen2_5_vl_text",
     .has_flat_config = true,
     .ties_inside = true,
     .parts = {"visual."}},
    {.model_type = "qwen3_vl", .text_type = "qwen3_vl_text", .parts = {"visual."}},
};

}  // namespace

std::span<const Multimodal> multimodal_types() {
  return kMultimodal;
}

const Multimodal* find_multimodal(std::string_view model_type) {
  const auto* const found = std::ranges::find(kMultimodal, model_type, &Multimodal::model_type);
  return found == std::end(kMultimodal) ? nullptr : found;
}

bool is_of_other_part(std::string_view model_type, const std::string& tensor) {
  const Multimodal* const type = find_multimodal(model_type);
  return type != nullptr && std::ranges::any_of(type->parts, [&](std::string_view part) {
           return !part.empty() && tensor.find(part) != tensor.npos;
         });
}

}  // namespace expandft
