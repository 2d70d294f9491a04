#include "gguf/writing/gguf_tensor_writer.h"

#include "base/error.h"
#include "gguf/writing/gguf_names.h"
#include "gguf/writing/quantize.h"

#include <cmath>
#include <memory>
#include <utility>

namespace expandft {
namespace {

GgufType type_of_dtype(Dtype dtype) {
  return dtype == Dtype::kF16    ? GgufType::kF16
         : dtype == Dtype::kBF16 ? GgufType::kBF16
                                 : GgufType::kF32;
}

/// How the numbers of a tensor become those of the file.
struct FileForm {
  std::int64_t permuted_heads = 0;  // 0: the rows keep their order
  bool adds_one = false;
};

FileForm file_form(const std::string& gguf_name, const DecoderSpec& spec,
                   const GgufTarget& target) {
  FileForm form;
  if (target.permutes && gguf_name.find(".attn_q.") != gguf_name.npos) {
    form.permuted_heads = spec.heads;
  } else if (target.permutes && gguf_name.find(".attn_k.") != gguf_name.npos) {
    form.permuted_heads = spec.kv_heads;
  }
  form.adds_one = target.adds_one && gguf_name.ends_with("norm.weight");
  return form;
}

/// The row that becomes row `row` of the file: transformers rotates (i, i + dim / 2) of a head,
/// llama.cpp neighbours.
std::int64_t row_of_file(std::int64_t row, std::int64_t rows, std::int64_t heads) {
  if (heads == 0) return row;
  const std::int64_t dim = rows / heads, head = row / dim, place = row % dim;
  return head * dim + place / 2 + place % 2 * (dim / 2);
}

/// The numbers of a tensor, row by row.
class TensorRows {
 public:
  TensorRows(const TensorSource& source, FileForm form, std::string where)
      : source_(source), form_(form), where_(std::move(where)) {
    columns_ = source.shape.back();
    rows_ = 1;
    for (std::size_t i = 0; i + 1 < source.shape.size(); ++i) rows_ *= source.shape[i];
    // Of a bias, each number is a row of the map.
    if (source.shape.size() == 1 && form.permuted_heads > 0) std::swap(rows_, columns_);
    if (source.fill) {
      buffer_ = std::make_unique_for_overwrite<std::byte[]>(byte_size(source));
      const std::span<std::byte> bytes(buffer_.get(), byte_size(source));
      source.fill(bytes);
      bytes_ = bytes;
    } else {
      bytes_ = source.origin.value().bytes;
    }
  }
  ~TensorRows() {
    if (source_.origin) source_.origin->release();
  }
  TensorRows(const TensorRows&) = delete;
  TensorRows& operator=(const TensorRows&) = delete;

  std::int64_t rows() const { return rows_; }
  std::int64_t columns() const { return columns_; }
  /// The row that the file has at `row`.
  std::int64_t origin_of(std::int64_t row) const {
    return row_of_file(row, rows_, form_.permuted_heads);
  }

  /// Rounds row `row` of the source to `type`: to exactly its bytes.
  void encode(std::int64_t row, GgufType type, std::span<std::byte> to) {
    const std::size_t width = size_of(source_.dtype);
    const auto columns = static_cast<std::size_t>(columns_);
    numbers_.resize(columns);
    dequantize(type_of_dtype(source_.dtype),
               bytes_.subspan(static_cast<std::size_t>(row) * columns * width, columns * width),
               numbers_);
    for (float& number : numbers_) {
      if (!std::isfinite(number)) {
        throw input_error("row " + std::to_string(row) + " has a number that is not finite", where_,
                          "the model is damaged, or its training failed");
      }
      if (form_.adds_one) number += 1;
    }
    quantize(type, numbers_, to);
    if (type == GgufType::kF32 || type == type_of_dtype(source_.dtype)) return;
    decode(type, to, numbers_);
    for (const float number : numbers_) {
      if (std::isfinite(number)) continue;
      throw input_error("row " + std::to_string(row) + " has a number that is too large for " +
                            gguf_type_name(type),
                        where_, "write another type: --gguf-type BF16 or F32");
    }
  }

  /// The numbers of a row that encode wrote, as the file's readers see them.
  static void decode(GgufType type, std::span<const std::byte> from, std::span<float> to) {
    dequantize(type, from, to);
  }

 private:
  const TensorSource& source_;
  FileForm form_;
  std::string where_;
  std::int64_t rows_ = 0, columns_ = 0;
  std::unique_ptr<std::byte[]> buffer_;
  std::span<const std::byte> bytes_;
  std::vector<float> numbers_;
};

std::size_t row_bytes(GgufType type, std::int64_t columns) {
  const QuantizedBlock block = block_of(type);
  return static_cast<std::size_t>(columns / block.numbers * block.bytes);
}

/// Gives the tensor to the sink, some rows at a time.
void write_rows(const TensorSource& source, FileForm form, GgufType type, const std::string& where,
                const GgufSink& sink) {
  constexpr std::size_t kPiece = 1 << 20;
  TensorRows rows(source, form, where);
  const std::size_t bytes = row_bytes(type, rows.columns());
  std::vector<std::byte> piece;
  for (std::int64_t i = 0; i < rows.rows(); ++i) {
    piece.resize(piece.size() + bytes);
    rows.encode(rows.origin_of(i), type, std::span(piece).last(bytes));
    if (piece.size() >= kPiece || i + 1 == rows.rows()) {
      sink(piece);
      piece.clear();
    }
  }
}

bool is_float(Dtype dtype) {
  return dtype == Dtype::kF32 || dtype == Dtype::kF16 || dtype == Dtype::kBF16;
}

}  // namespace

GgufType type_of_tensor(const std::string& name, const Shape& shape, GgufType type) {
  const bool is_vector = shape.size() <= 1 || name.ends_with("_norm.weight");
  if (is_vector || !name.ends_with(".weight")) return GgufType::kF32;
  return shape.back() % block_of(type).numbers == 0 ? type : GgufType::kF16;
}

std::vector<GgufTensorSource> gguf_tensors_of(const std::vector<TensorSource>& tensors,
                                              const DecoderSpec& spec, const GgufTarget& target,
                                              GgufType type, const std::string& where) {
  std::vector<GgufTensorSource> out;
  for (const TensorSource& tensor : tensors) {
    const std::string place = where + ": tensor \"" + tensor.name + "\"";
    if (!spec.names.holds(tensor.name) || tensor.name.ends_with(".rotary_emb.inv_freq")) continue;
    // llama.cpp's Gemma has no head of its own; gguf_target refuses one that differs.
    const bool is_idle_head = spec.tied && tensor.name == spec.names.head;
    if (is_idle_head) continue;
    const auto name = gguf_tensor_name(tensor.name, spec);
    if (!name) {
      throw input_error("a tensor of " + spec.family + " that GGUF has no name for", place,
                        "write a Hugging Face directory: --format huggingface");
    }
    if (!is_float(tensor.dtype) || tensor.shape.empty()) {
      throw input_error("found dtype " + std::string(safetensors_name(tensor.dtype)) +
                            ", expected F32, F16 or BF16",
                        place, "quantised checkpoints are not supported: use the original");
    }
    const FileForm form = file_form(*name, spec, target);
    const std::int64_t rows = tensor.shape.front();
    if (form.permuted_heads > 0 && rows % (2 * form.permuted_heads) != 0) {
      throw input_error("found " + std::to_string(rows) +
                            " rows, expected a multiple of twice the " +
                            std::to_string(form.permuted_heads) + " heads",
                        place);
    }
    const GgufType own = type_of_tensor(*name, tensor.shape, type);
    out.push_back({*name, own, tensor.shape, [tensor, form, own, place](const GgufSink& sink) {
                     write_rows(tensor, form, own, place, sink);
                   }});
  }
  return out;
}

std::vector<float> rounded_numbers(const TensorSource& tensor, const DecoderSpec& spec,
                                   const GgufTarget& target, GgufType type) {
  const std::string name = gguf_tensor_name(tensor.name, spec).value_or(tensor.name);
  const GgufType own = type_of_tensor(name, tensor.shape, type);
  const FileForm form = file_form(name, spec, target);
  TensorRows rows(tensor, form, "tensor \"" + tensor.name + "\"");
  const auto columns = static_cast<std::size_t>(rows.columns());
  std::vector<float> numbers(static_cast<std::size_t>(rows.rows()) * columns);
  std::vector<std::byte> encoded(row_bytes(own, rows.columns()));
  for (std::int64_t i = 0; i < rows.rows(); ++i) {
    const std::span<float> row(&numbers[static_cast<std::size_t>(i) * columns], columns);
    rows.encode(i, own, encoded);
    TensorRows::decode(own, encoded, row);
    if (form.adds_one) {
      for (float& number : row) number -= 1;
    }
  }
  return numbers;
}

}  // namespace expandft
