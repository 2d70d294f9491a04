#include "gguf/writing/gguf_names.h"

#include "gguf/gguf_part_names.h"

#include <algorithm>
#include <iterator>
#include <string_view>

namespace expandft {
namespace {

template <typename Names>
std::optional<std::string> gguf_part(const Names& names, std::string_view part) {
  const auto* const found = std::ranges::find(names, part, &GgufPartName::transformers);
  return found == std::end(names) ? std::nullopt : std::optional(std::string(found->gguf));
}

}  // namespace

std::optional<std::string> gguf_tensor_name(const std::string& name, const DecoderSpec& spec) {
  const TensorNames& names = spec.names;
  if (name == names.embedding()) return "token_embd.weight";
  if (name == names.final_norm()) return "output_norm.weight";
  if (name == names.head) return "output.weight";
  const std::string prefix = names.body + "layers.";
  const std::size_t second = name.find('.', prefix.size()), last = name.rfind('.');
  if (!name.starts_with(prefix) || second == name.npos || last <= second) return std::nullopt;
  const std::string layer = name.substr(prefix.size(), second - prefix.size());
  const std::string part = name.substr(second + 1, last - second - 1), kind = name.substr(last);
  auto found = gguf_part(kGgufPartNames, part);
  if (!found) {
    found = spec.norms_after_blocks ? gguf_part(kGgufNormsAfterBlocks, part)
                                    : gguf_part(kGgufNormBeforeMlp, part);
  }
  if (!found || (kind != ".weight" && kind != ".bias")) return std::nullopt;
  return "blk." + layer + "." + *found + kind;
}

}  // namespace expandft
