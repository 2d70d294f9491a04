#pragma once

#include <span>
#include <string>
#include <string_view>

namespace expandft {

/// A model of images and text, of which only the text part is read: its config.json, and the
/// tensors of the other parts. Reference: transformers 5.24.
struct Multimodal {
  std::string_view model_type;
  /// The family of the text part, if text_config does not name it.
  std::string_view text_type;
  bool any_text_type = false;  // whether text_config may name another family
  /// Values of fields that text_config may leave out, as JSON, where they are not the family's.
  std::string_view text_defaults = "{}";
  bool has_flat_config = false;  // without text_config, its fields stand outside
  bool tied = false;             // tie_word_embeddings, if absent
  bool ties_inside = false;      // tie_word_embeddings inside text_config counts too, if true
  bool drops_logit_softcap = false;
  /// What the names of tensors outside the decoder contain.
  std::string_view parts[4];
};

/// All types of multimodal model.
std::span<const Multimodal> multimodal_types();

/// The one of this model_type, or null.
const Multimodal* find_multimodal(std::string_view model_type);

/// Whether a tensor of a model of this type belongs to another part than the decoder.
bool is_of_other_part(std::string_view model_type, const std::string& tensor);

}  // namespace expandft
