#include "gguf/writing/export.h"

#include "base/error.h"
#include "families/model_config.h"
#include "gguf/writing/gguf_metadata.h"
#include "gguf/writing/gguf_tensor_writer.h"
#include "gguf/writing/gguf_tokenizer_keys.h"
#include "gguf/writing/quantize.h"
#include "tokenizer/tokenizer.h"

#include <algorithm>

namespace expandft {
namespace {

DecoderSpec spec_of(const ModelToExport& model) {
  DecoderSpec spec = read_spec(model.config, model.where);
  spec.names = model.names;
  spec.tied = model.tied;
  return spec;
}

std::int64_t numbers_of(const std::vector<GgufTensorSource>& tensors) {
  std::int64_t count = 0;
  for (const GgufTensorSource& tensor : tensors) {
    std::int64_t numbers = 1;
    for (const std::int64_t size : tensor.shape) numbers *= size;
    count += numbers;
  }
  return count;
}

}  // namespace

GgufType gguf_type_of(Dtype dtype) {
  return dtype == Dtype::kF16    ? GgufType::kF16
         : dtype == Dtype::kBF16 ? GgufType::kBF16
                                 : GgufType::kF32;
}

GgufExport::GgufExport(ModelToExport model, GgufType type)
    : model_(std::move(model)),
      type_(type),
      spec_(spec_of(model_)),
      target_(gguf_target(spec_, model_.where, notices_)),
      tensors_(rope_factor_tensors(spec_)) {
  std::ranges::move(gguf_tensors_of(model_.tensors, spec_, target_, type, model_.where),
                    std::back_inserter(tensors_));
  const auto tokenizer = Tokenizer::load(model_.tokenizer);
  check_vocabulary(*tokenizer, spec_.vocab, model_.where);
  const GgufVocabulary vocabulary = gguf_vocabulary(model_.tokenizer, *tokenizer, spec_.vocab);
  add_model_keys(spec_, target_,
                 {.name = model_.name, .parameters = numbers_of(tensors_), .type = type},
                 metadata_);
  add_tokenizer_keys({.directory = model_.tokenizer,
                      .tokenizer = *tokenizer,
                      .config = model_.config,
                      .vocabulary = vocabulary,
                      .architecture = target_.architecture},
                     metadata_);
  for (const auto& [key, text] : model_.info) metadata_.add_text(key, text);
}

bool GgufExport::is_exact() const {
  return std::ranges::all_of(model_.tensors, [&](const TensorSource& tensor) {
    const bool is_used = spec_.names.holds(tensor.name) && tensor.shape.size() > 1;
    return !is_used || holds_exactly(type_, gguf_type_of(tensor.dtype));
  });
}

std::uint64_t GgufExport::bytes() const {
  return gguf_file_bytes(metadata_, tensors_);
}

void GgufExport::write(const fs::path& file) const {
  write_gguf(file, metadata_, tensors_);
}

}  // namespace expandft
