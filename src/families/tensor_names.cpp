#include "families/tensor_names.h"

#include "base/error.h"
#include "base/wording.h"
#include "checkpoint/model_directory.h"
#include "families/decoder_spec.h"
#include "families/multimodal.h"

#include <utility>

namespace expandft {
namespace {

/// The prefixes of the decoder's tensors, each with the name of its head.
constexpr std::pair<const char*, const char*> kPrefixes[] = {
    {"model.", "lm_head.weight"},
    {"model.language_model.", "lm_head.weight"},
    {"language_model.model.", "language_model.lm_head.weight"},
    {"model.text_model.", "lm_head.weight"},
};

}  // namespace

TensorNames find_tensor_names(const ModelDirectory& directory) {
  for (const auto& [body, head] : kPrefixes) {
    TensorNames names{body, head};
    if (directory.has(names.embedding())) return names;
  }
  return {};  // loading names what is missing
}

void check_head(const ModelDirectory& directory, DecoderSpec& spec) {
  const std::string embedding = spec.names.embedding();
  if (!directory.has(embedding)) return;  // loading names what is missing
  if (!directory.has(spec.names.head)) {
    if (spec.tied) return;
    throw input_error(
        "tensor \"" + spec.names.head +
            "\" is missing, and config.json does not tie the head to the embedding",
        directory.path().string(),
        "set \"tie_word_embeddings\" to true if the model was trained with a tied head");
  }
  if (!spec.tied || directory.has_equal(embedding, spec.names.head)) return;
  spec.tied = false;
  spec.add_notice(
      {"config.json ties the head to the embedding, but \"" + spec.names.head +
           "\" differs: the latter is used, as in transformers",
       directory.path().string(),
       "set \"tie_word_embeddings\" to false if that is intended, or remove the tensor"});
}

void name_unused_tensors(const ModelDirectory& directory, DecoderSpec& spec) {
  std::vector<std::string> unknown;
  for (const auto& [name, view] : directory.tensors()) {
    const bool is_derived = name.ends_with(".rotary_emb.inv_freq");  // from the config
    if (spec.names.holds(name) || is_derived || is_of_other_part(spec.family, name)) continue;
    unknown.push_back(name);
  }
  if (unknown.empty()) return;
  spec.add_notice({std::to_string(unknown.size()) +
                       (unknown.size() == 1 ? " tensor is" : " tensors are") +
                       " not part of the decoder and ignored: " + quoted_list(unknown, 3),
                   directory.path().string(),
                   "if they change what the model computes, expandft computes something else"});
}

}  // namespace expandft
