#include "gguf/gguf_tensors.h"

#include "base/error.h"
#include "base/json.h"
#include "families/deci.h"
#include "gguf/gguf_part_names.h"
#include "gguf/quantization.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <cstring>

namespace expandft {
namespace {

constexpr GgufPartName kModelNames[] = {
    {"model.embed_tokens", "token_embd"}, {"model.norm", "output_norm"}, {"lm_head", "output"}};

template <typename Names>
std::optional<std::string> find_name(const Names& names, std::string_view gguf) {
  const auto* const found = std::ranges::find(names, gguf, &GgufPartName::gguf);
  return found == std::end(names) ? std::nullopt : std::optional(std::string(found->transformers));
}

/// What is read into the config, or computed anew by whoever needs it.
bool is_in_config(const std::string& name) {
  return name == "rope_freqs.weight" || name == "rope_factors_long.weight" ||
         name == "rope_factors_short.weight";
}

/// How a tensor's numbers become those of transformers.
struct Change {
  std::int64_t permuted_heads = 0;  // 0: the rows keep their order
  bool subtracts_one = false;
};

/// The number of a layer as llama.cpp writes it: no sign, no leading zero, below `layers`.
bool is_layer(const std::string& text, std::int64_t layers) {
  std::int64_t number = -1;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  return error == std::errc() && end == text.data() + text.size() && number >= 0 &&
         number < layers && std::to_string(number) == text;
}

/// "blk.3.attn_q.weight" -> "model.layers.3.self_attn.q_proj.weight".
std::optional<std::string> transformers_name(const std::string& name, const Json& config) {
  const std::string model_type = config.at("model_type").get<std::string>();
  const std::size_t dot = name.rfind('.');
  if (dot == name.npos) return std::nullopt;
  const std::string kind = name.substr(dot);  // ".weight"
  if (kind != ".weight" && kind != ".bias") return std::nullopt;
  const std::string stem = name.substr(0, dot);
  if (const auto found = find_name(kModelNames, stem)) return *found + kind;
  const std::size_t second = stem.find('.', 4);
  if (!stem.starts_with("blk.") || second == stem.npos) return std::nullopt;
  const std::string layer = stem.substr(4, second - 4), part = stem.substr(second + 1);
  if (!is_layer(layer, config.at("num_hidden_layers").get<std::int64_t>())) return std::nullopt;
  auto found = find_name(kGgufPartNames, part);
  if (!found) {
    const bool after = model_type == "gemma2" || model_type == "gemma3_text";
    found = after ? find_name(kGgufNormsAfterBlocks, part) : find_name(kGgufNormBeforeMlp, part);
  }
  if (model_type == "phi3" && part == "ffn_up") found = "mlp.gate_up_proj";
  if (!found) return std::nullopt;
  return "model.layers." + layer + "." + *found + kind;
}

Change change_of(const std::string& name, const Json& config) {
  Change change;
  const std::string type = config.at("model_type").get<std::string>();
  constexpr std::array<std::string_view, 6> kPermuted{"llama",   "mistral", "ministral3",
                                                      "granite", "smollm3", kDeciModelType};
  const bool is_permuted = std::ranges::find(kPermuted, type) != kPermuted.end();
  if (is_permuted && name.find(".attn_q.") != name.npos) {
    change.permuted_heads = config.at("num_attention_heads").get<std::int64_t>();
  } else if (is_permuted && name.find(".attn_k.") != name.npos) {
    change.permuted_heads = config.at("num_key_value_heads").get<std::int64_t>();
  }
  change.subtracts_one = type.starts_with("gemma") && name.find("norm.") != name.npos;
  return change;
}

/// The row of the file that becomes row `row`. llama.cpp rotates neighbours (2i, 2i + 1) of a head,
/// transformers (i, i + dim / 2).
std::int64_t row_in_file(std::int64_t row, std::int64_t rows, std::int64_t heads) {
  if (heads == 0) return row;
  const std::int64_t dim = rows / heads, head = row / dim, place = row % dim;
  return head * dim + place % (dim / 2) * 2 + place / (dim / 2);
}

constexpr std::uint16_t kExponent = 0x7F80;  // of bfloat16; all set: not a finite number

class TensorImport {
 public:
  TensorImport(const GgufTensor& tensor, Change change, std::string where)
      : tensor_(tensor), change_(change), where_(std::move(where)) {
    columns_ = tensor.shape.back();
    rows_ = tensor.elements() / columns_;
    // Of a bias, each number is a row of the map.
    if (tensor.shape.size() == 1 && change.permuted_heads > 0) {
      std::swap(rows_, columns_);
      if (block_of(tensor.type).numbers != 1) {
        throw input_error(
            "found a bias of type " + gguf_type_name(tensor.type) + ", expected F32, F16 or BF16",
            where_);
      }
    }
    if (change.permuted_heads > 0 && rows_ % (2 * change.permuted_heads) != 0) {
      throw input_error("found " + std::to_string(rows_) +
                            " rows, expected a multiple of twice the " +
                            std::to_string(change.permuted_heads) + " heads",
                        where_);
    }
  }

  void write(Dtype dtype, std::span<std::byte> to) const {
    const std::size_t width = size_of(dtype);
    std::vector<float> row(static_cast<std::size_t>(columns_));
    for (std::int64_t i = 0; i < rows_; ++i) {
      read_row(row_in_file(i, rows_, change_.permuted_heads), row);
      std::byte* const out = to.data() + static_cast<std::size_t>(i) * row.size() * width;
      if (dtype == Dtype::kF32) {
        std::memcpy(out, row.data(), row.size() * width);
      } else {
        for (std::size_t j = 0; j < row.size(); ++j) {
          const std::uint16_t bits = bfloat16_bits(row[j]);
          if ((bits & kExponent) == kExponent) {
            throw input_error("row " + std::to_string(i) + " has the number " +
                                  std::to_string(row[j]) + ", which is too large for bfloat16",
                              where_, "import it as float32: --dtype float32");
          }
          std::memcpy(out + j * width, &bits, width);
        }
      }
    }
  }

 private:
  void read_row(std::int64_t row, std::vector<float>& numbers) const {
    const QuantizedBlock block = block_of(tensor_.type);
    const auto bytes = static_cast<std::size_t>(columns_ / block.numbers * block.bytes);
    dequantize(tensor_.type, tensor_.bytes.subspan(static_cast<std::size_t>(row) * bytes, bytes),
               numbers);
    for (float& number : numbers) {
      if (!std::isfinite(number)) {
        throw input_error("row " + std::to_string(row) + " has a number that is not finite", where_,
                          "the file is damaged: download it again");
      }
      if (change_.subtracts_one) number -= 1;
    }
  }

  GgufTensor tensor_;
  Change change_;
  std::string where_;
  std::int64_t rows_ = 0, columns_ = 0;
};

}  // namespace

std::vector<TensorSource> gguf_tensor_sources(const GgufFile& file, const Json& config,
                                              Dtype dtype) {
  std::vector<TensorSource> sources;
  const std::string type = config.at("model_type").get<std::string>();
  for (const auto& [name, tensor] : file.tensors()) {
    const std::string where = file.path().string() + ": tensor " + json_excerpt(Json(name));
    if (is_in_config(name)) continue;
    const auto known = transformers_name(name, config);
    if (!known) {
      throw input_error("a tensor of " + type + " that is not known", where,
                        "get the model from another source, or without this part");
    }
    const TensorImport import(tensor, change_of(name, config), where);
    sources.push_back(
        {.name = *known,
         .dtype = dtype,
         .shape = tensor.shape,
         .fill = [import, dtype](std::span<std::byte> to) { import.write(dtype, to); },
         .origin = TensorView{Dtype::kU8, {std::ssize(tensor.bytes)}, tensor.bytes, tensor.file}});
  }
  std::ranges::sort(sources, {}, &TensorSource::name);
  return sources;
}

}  // namespace expandft
