#include "families/tensor_names.h"

#include "base/error.h"
#include "base/wording.h"
#include "checkpoint/model_directory.h"
#include "families/decoder_spec.h"

#include <utility>

namespace expandft {
namespace {

/// Prefixes of the decoder's tensors, and the head that goes with each.
constexpr std::pair<const char*, const char*> kNames[] = {
    {"model.", "lm_head.weight"},
    {"model.language_model.", "lm_head.weight"},
    {"language_model.model.", "language_model.lm_head.weight"},
};

}  // namespace

TensorNames find_tensor_names(const ModelDirectory& directory) {
  for (const auto& [body, head] : kNames) {
    TensorNames names{body, head};
    if (directory.has(names.embedding())) return names;
  }
  return {};  // loading will name what is missing
}

void check_head(const ModelDirectory& directory, DecoderSpec& spec) {
  const std::string embedding = spec.names.embedding();
  if (!directory.has(embedding)) return;  // loading will name what is missing
  if (!directory.has(spec.names.head)) {
    if (spec.tied) return;
    throw input_error("tensor \"" + spec.names.head +
                          "\" is not there, and config.json does not tie the head to the embedding",
                      directory.path().string(),
                      "set \"tie_word_embeddings\" to true if the model was trained so");
  }
  if (!spec.tied || directory.has_equal(embedding, spec.names.head)) return;
  spec.tied = false;
  spec.add_notice({"config.json ties the head to the embedding, but \"" + spec.names.head +
                       "\" is another: it counts, as in transformers",
                   directory.path().string(),
                   "set \"tie_word_embeddings\" to false if it is meant, or take the tensor out"});
}

void name_unused_tensors(const ModelDirectory& directory, DecoderSpec& spec) {
  std::vector<std::string> unknown;
  for (const auto& [name, view] : directory.tensors()) {
    const bool of_images =
        spec.family == "gemma3" && (name.find("vision_tower.") != name.npos ||
                                    name.find("multi_modal_projector.") != name.npos);
    const bool is_derived = name.ends_with(".rotary_emb.inv_freq");  // from the config
    if (!spec.names.holds(name) && !of_images && !is_derived) unknown.push_back(name);
  }
  if (unknown.empty()) return;
  spec.add_notice({std::to_string(unknown.size()) +
                       (unknown.size() == 1 ? " tensor is" : " tensors are") +
                       " no part of the decoder, and not used: " + quoted_list(unknown, 3),
                   directory.path().string(),
                   "if they change what the model computes, expandft computes something else"});
}

}  // namespace expandft
