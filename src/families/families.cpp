#include "families/families.h"

#include "families/config_fields.h"
#include "families/deci.h"
#include "families/decoder_fields.h"
#include "families/decoder_tensors.h"
#include "families/family.h"
#include "families/unread_fields.h"

#include <algorithm>
#include <string_view>
#include <utility>

namespace expandft {
namespace {

/// Fields that may be null though the family has a default: null states that there is none.
constexpr std::string_view kNullable[] = {"sliding_window", "attn_logit_softcapping",
                                          "final_logit_softcapping", "bos_token_id",
                                          "eos_token_id"};

/// The fields of `config` over the family's defaults.
ConfigFields with_defaults(const ConfigFields& config, const Family& family) {
  Json merged = Json::parse(family.defaults);
  for (const auto& [key, value] : config.object().items()) {
    if (value.is_null() && merged.contains(key) && std::ranges::count(kNullable, key) == 0) {
      config.refuse(key.c_str(), merged.at(key).type_name());
    }
    merged[key] = value;
  }
  return {std::move(merged), config.where()};
}

/// A model that is nothing but its decoder.
DecoderSpec read_plain(const ConfigFields& config, const std::string& type) {
  const bool by_blocks = type == kDeciModelType;
  const Family& family = find_family(by_blocks ? "llama" : type, config.where());
  const ConfigFields fields = with_defaults(config, family);
  DecoderSpec spec = read_decoder(fields, family);
  if (by_blocks) spec.layer_widths = read_block_widths(fields, spec);
  judge_unread_fields(fields, spec);
  return spec;
}

/// The text part of a multimodal Gemma 3. What lies beside it says how images become embeddings.
DecoderSpec read_multimodal(const ConfigFields& outer) {
  const ConfigFields inner = outer.inside("text_config");
  const std::string type = inner.text("model_type", "gemma3_text");
  if (type != "gemma3_text") inner.refuse("model_type", "\"gemma3_text\"");
  const Family& family = find_family(type, inner.where());
  const ConfigFields fields = with_defaults(inner, family);
  DecoderSpec spec = read_decoder(fields, family);
  // transformers ties what the outer object says, and never asks the inner one.
  const bool inner_tied = spec.tied;
  spec.tied = outer.boolean("tie_word_embeddings", true);
  if (spec.tied != inner_tied) {
    spec.add_notice(
        {"field \"tie_word_embeddings\" is not the same inside \"text_config\" and "
         "outside, where it counts",
         outer.where(), "take out the one that is wrong"});
  }
  if (spec.logit_softcap) {
    spec.logit_softcap.reset();
    spec.add_notice(
        {"field \"final_logit_softcapping\" caps nothing in a multimodal model, as in "
         "transformers",
         inner.where(), ""});
  }
  judge_unread_fields(fields, spec);

  check_causal(outer);
  outer.has("model_type");
  if (outer.has("vision_config")) outer.inside("vision_config");
  outer.optional_integer("mm_tokens_per_image");
  for (const char* key :
       {"image_token_index", "boi_token_index", "eoi_token_index", "image_token_id", "boi_token_id",
        "eoi_token_id", "bos_token_id", "eos_token_id"}) {
    outer.token(key);
  }
  judge_unread_fields(outer, spec);
  return spec;
}

}  // namespace

Json& decoder_config(Json& config) {
  const bool multimodal = config.contains("text_config") && config["text_config"].is_object();
  return multimodal ? config["text_config"] : config;
}

DecoderSpec read_spec(const Json& config, const std::string& where) {
  const ConfigFields fields(config, where);
  const std::string type = fields.text("model_type", "");
  DecoderSpec spec = type == "gemma3" ? read_multimodal(fields) : read_plain(fields, type);
  spec.family = type;
  return spec;
}

DecoderSpec read_spec(const ModelDirectory& directory) {
  DecoderSpec spec = read_spec(directory.config(), (directory.path() / "config.json").string());
  spec.names = find_tensor_names(directory);
  check_head(directory, spec);
  name_unused_tensors(directory, spec);
  return spec;
}

}  // namespace expandft
