#include "families/model_config.h"

#include "base/error.h"
#include "base/files.h"
#include "families/config_fields.h"
#include "families/deci.h"
#include "families/decoder_config.h"
#include "families/family.h"
#include "families/multimodal.h"
#include "families/tensor_names.h"
#include "families/unread_fields.h"

namespace expandft {
namespace {

constexpr const char* kImportNoticesFile = "expandft_import.json";

void add_import_notices(const fs::path& file, DecoderSpec& spec) {
  if (!is_file(file)) return;
  const Json list = read_json(file);
  const auto text = [&](const Json& notice, const char* key) {
    if (!notice.is_object() || !notice.contains(key) || !notice[key].is_string()) {
      throw input_error("expected a list of objects with what, where and hint", file.string(),
                        "the import is damaged: make it again");
    }
    return notice[key].get<std::string>();
  };
  for (const Json& notice : list) {
    spec.add_notice({text(notice, "what"), text(notice, "where"), text(notice, "hint")});
  }
}

/// A model that consists only of a decoder.
DecoderSpec read_plain(const ConfigFields& config, const std::string& type) {
  const bool by_blocks = type == kDeciModelType;
  const Family& family = find_family(by_blocks ? "llama" : type, config.where());
  const ConfigFields fields = with_defaults(config, family);
  DecoderSpec spec = read_decoder(fields, family);
  if (by_blocks) spec.layer_widths = read_block_widths(fields, spec);
  judge_unread_fields(fields, spec);
  return spec;
}

/// Reads the fields of a multimodal config that do not concern the text part: they describe images
/// and what stands for them.
void read_image_fields(const ConfigFields& fields) {
  for (const char* key : {"vision_config", "audio_config", "projector_hidden_act",
                          "vision_feature_layer", "vision_feature_select_strategy",
                          "multimodal_projector_bias", "ignore_index", "vocab_size"}) {
    fields.has(key);
  }
  for (const char* key :
       {"mm_tokens_per_image", "image_seq_length", "spatial_merge_size", "scale_factor"}) {
    fields.optional_integer(key);
  }
  for (const char* key :
       {"image_token_index", "boi_token_index", "eoi_token_index", "image_token_id", "boi_token_id",
        "eoi_token_id", "video_token_id", "vision_start_token_id", "vision_end_token_id",
        "vision_token_id", "audio_token_id", "boa_token_id", "eoa_token_id", "eoa_token_index",
        "bos_token_id", "eos_token_id"}) {
    fields.token(key);
  }
}

/// Sets spec.tied, where `inner` is what the text part's own object says.
void read_outer_tie(const ConfigFields& outer, const ConfigFields& inner, const Multimodal& type,
                    DecoderSpec& spec) {
  constexpr const char* kTied = "tie_word_embeddings";
  const bool inner_tied = spec.tied;
  spec.tied = outer.boolean(kTied, type.tied) || (type.ties_inside && inner_tied);
  if (spec.tied == inner_tied || !inner.has(kTied)) return;
  spec.add_notice({std::string("field \"") + kTied +
                       "\" is not the same inside \"text_config\" and outside, which is used",
                   outer.where(), "remove the wrong one"});
}

/// The text part of a multimodal model.
DecoderSpec read_multimodal(const ConfigFields& outer, const Multimodal& type) {
  const bool is_flat = type.has_flat_config && !outer.has("text_config");
  const ConfigFields inner = is_flat ? outer : outer.inside("text_config");
  const std::string usual(type.text_type);
  const std::string text_type = is_flat ? usual : inner.text("model_type", usual);
  if (text_type != usual && !type.any_text_type) inner.refuse("model_type", "\"" + usual + "\"");
  const Family& family = find_family(text_type, inner.where());
  const ConfigFields fields =
      with_defaults(inner, family, text_type == usual ? type.text_defaults : "{}");
  DecoderSpec spec = read_decoder(fields, family);
  read_outer_tie(outer, inner, type, spec);
  if (type.drops_logit_softcap && spec.logit_softcap) {
    spec.logit_softcap.reset();
    spec.add_notice(
        {"field \"final_logit_softcapping\" has no effect in a multimodal model, as in "
         "transformers",
         inner.where(), ""});
  }
  if (is_flat) read_image_fields(fields);
  judge_unread_fields(fields, spec);
  if (is_flat) return spec;

  check_causal(outer);
  outer.has("model_type");
  read_image_fields(outer);
  judge_unread_fields(outer, spec);
  return spec;
}

}  // namespace

void write_import_notices(const fs::path& directory, const Notices& notices) {
  if (notices.empty()) return;
  Json list = Json::array();
  for (const auto& [what, where, hint] : notices) {
    list.push_back({{"what", what}, {"where", where}, {"hint", hint}});
  }
  write_file_atomically(directory / kImportNoticesFile, list.dump(2) + "\n");
}

Json& decoder_config(Json& config) {
  const bool multimodal = config.contains("text_config") && config["text_config"].is_object();
  return multimodal ? config["text_config"] : config;
}

DecoderSpec read_spec(const Json& config, const std::string& where) {
  const ConfigFields fields(config, where);
  const std::string type = fields.text("model_type", "");
  const Multimodal* const multimodal = find_multimodal(type);
  DecoderSpec spec = multimodal ? read_multimodal(fields, *multimodal) : read_plain(fields, type);
  spec.family = type;
  return spec;
}

DecoderSpec read_spec(const ModelDirectory& directory) {
  DecoderSpec spec = read_spec(directory.config(), (directory.path() / "config.json").string());
  spec.names = find_tensor_names(directory);
  check_head(directory, spec);
  name_unused_tensors(directory, spec);
  add_import_notices(directory.path() / kImportNoticesFile, spec);
  return spec;
}

}  // namespace expandft
