#include "export/merged_directory.h"

#include "base/error.h"
#include "checkpoint/model_info.h"
#include "config/hub_cache.h"
#include "export/modeling_file.h"
#include "families/model_config.h"
#include "families/tensor_names.h"
#include "growth/mlp_tensors.h"
#include "model/tensors.h"

#include <algorithm>
#include <functional>
#include <set>
#include <system_error>
#include <utility>

namespace expandft {
namespace {

constexpr const char* kRemainderFile = "expandft_unmerge.safetensors";
constexpr std::int64_t kMergedVersion = 1;
constexpr std::int64_t kMaxCopies = 64;  // as the run config allows
constexpr const char* kMergeAgain = "the model is damaged: merge it again";

/// Unsigned view of the bits, so that NaNs and zeros compare as bytes.
at::Tensor bits(const at::Tensor& tensor) {
  return tensor.view(tensor.element_size() == 8   ? at::kLong
                     : tensor.element_size() == 4 ? at::kInt
                                                  : at::kShort);
}

/// Numbers of `base` that come back changed from ·share and then ·(1/share): their flat indices.
at::Tensor lost_numbers(const at::Tensor& base, double share) {
  const at::Tensor back = base.mul(share).mul_(1.0 / share);
  return at::nonzero(bits(back.flatten()).ne(bits(base.flatten()))).squeeze(1);
}

/// What unmerge needs besides the folded weights: for "down" of each grown layer the places and
/// values of numbers that underflow when divided. Almost always empty.
std::vector<TensorSource> remainder(const ModelDirectory& base, const TensorNames& names,
                                    const Folding& folding) {
  std::vector<TensorSource> out;
  for (const std::int64_t layer : folding.plan.layers) {
    const std::string name = names.layer(layer, "mlp.down_proj.weight");
    const TensorView& view = base.tensor(name);
    const at::Tensor values = mapped_tensor(view);
    const at::Tensor places = lost_numbers(values, base_share(folding, layer));
    if (places.numel() > 0) {
      out.push_back(source_of(name + ".index", places, Dtype::kI64));
      out.push_back(
          source_of(name + ".value", values.flatten().index_select(0, places), view.dtype));
    }
    view.release();
  }
  return out;
}

Json info_json(const MergedInfo& info) {
  return {{"format", kMergedFormat},
          {"format_version", kMergedVersion},
          {"base_model_name_or_path", info.base_model},
          {"base_fingerprint", info.base_fingerprint},
          {"layers", info.layers},
          {"copies", info.copies},
          {"base_intermediate_size", info.intermediate_size},
          {"strength", strength_json(info.strength)},
          {"layout", layout_name(info.layout)},
          {"method", method_text(info.method)},
          {"reversible", info.reversible},
          {"base_config", info.base_config}};
}

/// What is known of a merged model before its base is taken out.
struct Merged {
  const ModelDirectory& directory;
  MergedInfo info;
  DecoderSpec base;                         // what the base computes
  std::map<std::string, MlpTensor> folded;  // the tensors that may have widened

  Folding folding() const {
    return {{info.layers, info.copies, info.method}, info.layout, info.strength, base.layers};
  }
};

/// The parts of the folded tensor that were the base's: first rows or columns, scaled back.
TensorSource unfolded(const std::string& name, const TensorView& view, const Merged& merged,
                      const std::map<std::string, TensorView>& lost) {
  const MlpTensor which = merged.folded.at(name);
  const std::int64_t own = merged.info.intermediate_size;
  Shape shape = view.shape;
  shape.at(static_cast<std::size_t>(which.dim())) = own * which.sections();
  const double back = which.is_down() && merged.folding().plan.grows(which.layer)
                          ? 1.0 / base_share(merged.folding(), which.layer)
                          : 1.0;
  auto fill = [=](std::span<std::byte> bytes) {
    const at::Tensor out =
        at::from_blob(bytes.data(), shape, at::TensorOptions().dtype(scalar_type(view.dtype)));
    const at::Tensor wide = mapped_tensor(view);
    for (std::int64_t i = 0; i < which.sections(); ++i) {
      const at::Tensor part = which.section(wide, i).narrow(which.dim(), 0, own);
      which.section(out, i).copy_(back == 1.0 ? part : part.mul(back));
    }
    if (const auto places = lost.find(name + ".index"); places != lost.end()) {
      out.view(-1).index_put_({mapped_tensor(places->second)},
                              mapped_tensor(lost.at(name + ".value")));
    }
  };
  return {name, view.dtype, std::move(shape), std::move(fill), view};
}

/// expandft.json against the tensors that it speaks of.
void check_widths(const Merged& merged) {
  const std::string file = (merged.directory.path() / kModelInfoFile).string();
  if (merged.info.intermediate_size != merged.base.intermediate) {
    throw input_error("\"base_intermediate_size\" is " +
                          std::to_string(merged.info.intermediate_size) +
                          "; \"base_config\" says " + std::to_string(merged.base.intermediate),
                      file, kMergeAgain);
  }
  for (const std::int64_t layer : merged.info.layers) {
    const std::string name = merged.base.names.layer(layer, "mlp.down_proj.weight");
    if (!merged.directory.has(name)) {
      throw input_error("\"layers\" names layer " + std::to_string(layer) +
                            ", but there is no tensor \"" + name + "\"",
                        file, kMergeAgain);
    }
  }
  for (const auto& [name, which] : merged.folded) {
    if (!merged.directory.has(name)) continue;
    const Shape& shape = merged.directory.tensor(name).shape;
    const auto dim = static_cast<std::size_t>(which.dim());
    const std::int64_t width = folded_width(merged.folding(), merged.base, which.layer);
    if (shape.size() != (which.part == "bias" ? 1 : 2) || shape[dim] != which.sections() * width) {
      throw input_error("the tensor \"" + name + "\" has the shape " + Json(shape).dump() +
                            "; expected a width of " + std::to_string(which.sections() * width) +
                            ", as expandft.json says",
                        merged.directory.path().string(), kMergeAgain);
    }
  }
}

/// The tensors of the remainder file, which may only speak of numbers that are there.
std::map<std::string, TensorView> read_remainder(const Merged& merged) {
  const MergedInfo& info = merged.info;
  const fs::path file = merged.directory.path() / kRemainderFile;
  if (!is_there(file)) return {};
  std::map<std::string, TensorView> lost = SafetensorsFile::open(file).tensors();
  std::set<std::string> known;
  const auto damaged = [&](const std::string& what) {
    return input_error(what, file.string(), kMergeAgain);
  };
  for (const std::int64_t layer : info.layers) {
    const std::string name = merged.base.names.layer(layer, "mlp.down_proj.weight");
    const auto index = lost.find(name + ".index"), value = lost.find(name + ".value");
    if (index == lost.end() && value == lost.end()) continue;
    if (index == lost.end() || value == lost.end()) {
      throw damaged("of \"" + name + "\" there is one of .index and .value, expected both");
    }
    const TensorView& down = merged.directory.tensor(name);
    const Shape& places = index->second.shape;
    if (places.size() != 1 || value->second.shape != places || index->second.dtype != Dtype::kI64 ||
        value->second.dtype != down.dtype) {
      throw damaged("the tensors \"" + name + ".index\" and .value do not go together; expected " +
                    "lists of the same length, of I64 and " +
                    std::string(safetensors_name(down.dtype)));
    }
    const std::int64_t numbers = down.shape[0] * info.intermediate_size;
    const at::Tensor indices = mapped_tensor(index->second);
    if (indices.numel() > 0 &&
        (indices.min().item<std::int64_t>() < 0 || indices.max().item<std::int64_t>() >= numbers)) {
      throw damaged("the tensor \"" + name +
                    ".index\" names numbers that are not there; expected " + "0 to " +
                    std::to_string(numbers - 1));
    }
    known.insert({index->first, value->first});
  }
  for (const auto& [name, view] : lost) {
    if (!known.contains(name)) {
      throw damaged("the tensor \"" + name + "\" is of no layer that grew");
    }
  }
  return lost;
}

}  // namespace

MergedInfo read_merged_info(const fs::path& directory) {
  const fs::path file = directory / kModelInfoFile;
  if (!is_file(file)) {
    throw input_error("no expandft.json: this model was not merged by expandft", directory.string(),
                      "give the merged/ folder that expandft train, expand or merge wrote");
  }
  const Json json = read_json(file);
  try {
    if (json.at("format") == kTunedFormat) {
      throw input_error(
          "no MLP was widened in this model: the base does not lie inside", directory.string(),
          "use the base it was made of: " + json.at("base_model_name_or_path").get<std::string>());
    }
    if (json.at("format") != kMergedFormat ||
        json.at("format_version").get<std::int64_t>() > kMergedVersion) {
      throw input_error("unknown format of a merged model", file.string(), "use a newer expandft");
    }
    MergedInfo info;
    info.base_model = json.at("base_model_name_or_path");
    info.base_fingerprint = json.at("base_fingerprint");
    info.base_config = json.at("base_config");
    info.layers = json.at("layers").get<std::vector<std::int64_t>>();
    info.copies = json.at("copies");
    info.intermediate_size = json.at("base_intermediate_size");
    const auto strength = strength_of(json.at("strength"));
    info.strength = strength.value_or(Strength());
    info.layout = Layout::kAuto;
    for (const auto& [name, layout] : kLayoutNames) {
      if (json.at("layout") == name) info.layout = layout;
    }
    info.reversible = json.at("reversible");
    // Models merged before have it as "train", the oldest not at all.
    const char* const key = json.contains("method") ? "method" : "train";
    const auto method = parse_method(json.value(key, method_text(Method::kNew)));
    if (!method || !method->widens()) {
      throw input_error(std::string("\"") + key + "\" is " + json.at(key).dump() +
                            "; expected \"new\", \"mlp\" or \"zero-init\"",
                        file.string(), kMergeAgain);
    }
    info.method = method->kind;
    const bool ascending =
        std::ranges::adjacent_find(info.layers, std::greater_equal{}) == info.layers.end();
    if (info.layout == Layout::kAuto || info.layers.empty() || !ascending ||
        info.layers.front() < 0 || info.intermediate_size < 1 || info.copies < 2 ||
        info.copies > kMaxCopies || !strength) {
      throw input_error(
          "a field is out of range; expected \"layers\" ascending from 0, \"copies\" from 2 to " +
              std::to_string(kMaxCopies) +
              ", \"base_intermediate_size\" from 1, \"strength\" from 0 to 1 and \"layout\" "
              "native, padded, remote-code or deci",
          file.string(), kMergeAgain);
    }
    return info;
  } catch (const Json::exception& error) {
    throw input_error(std::string("a field is missing or of the wrong type: ") + error.what(),
                      file.string(), kMergeAgain);
  }
}

std::uint64_t padding_bytes(const ModelDirectory& merged) {
  const MergedInfo info = read_merged_info(merged.path());
  const std::string where = (merged.path() / kModelInfoFile).string() + ", base_config";
  DecoderSpec base = read_spec(parse_json(info.base_config, where), where);
  base.names = find_tensor_names(merged);
  std::uint64_t zeros = 0;
  for (const auto& [name, which] : mlp_tensors(base)) {
    if (!merged.has(name)) continue;
    const bool grew = std::ranges::binary_search(info.layers, which.layer);
    const std::int64_t own = info.intermediate_size * (grew ? info.copies : 1);
    const TensorView& view = merged.tensor(name);
    const std::int64_t width =
        view.shape.at(static_cast<std::size_t>(which.dim())) / which.sections();
    if (width <= own) continue;
    zeros += view.bytes.size() / static_cast<std::uint64_t>(width) *
             static_cast<std::uint64_t>(width - own);
  }
  return zeros;
}

std::uint64_t merged_bytes(const ModelDirectory& base, const DecoderSpec& spec,
                           const Folding& folding) {
  constexpr std::uint64_t kSmallFiles = 1 << 20;  // config, headers, card
  std::uint64_t total = kSmallFiles + folded_bytes(base, spec, folding);
  for (const fs::path& file : base.companion_files()) {
    std::error_code error;
    const std::uintmax_t size = fs::file_size(file, error);
    if (!error) total += size;  // else reading it will tell
  }
  return total;
}

void write_merged(const fs::path& directory, const ModelDirectory& base, const DecoderSpec& spec,
                  const Folding& folding, const NamedTensors& copies, const std::string& card) {
  const MergedInfo info{.base_model = model_name(base.path()),
                        .base_fingerprint = base.fingerprint(),
                        .base_config = read_file(base.path() / "config.json"),
                        .layers = folding.plan.layers,
                        .copies = folding.plan.copies,
                        .intermediate_size = spec.intermediate,
                        .strength = folding.strength,
                        .layout = folding.layout,
                        .method = folding.plan.method,
                        .reversible = is_reversible(folding)};
  write_sharded_safetensors(directory, fold(base, spec, folding, copies), kMaxShardBytes);
  if (info.reversible) {
    if (const auto lost = remainder(base, spec.names, folding); !lost.empty()) {
      write_safetensors(directory / kRemainderFile, lost, {});
    }
  }
  base.copy_companions(directory);
  write_file_atomically(directory / "config.json",
                        folded_config(base.config(), folding, spec).dump(2) + "\n");
  if (folding.layout == Layout::kRemoteCode) {
    write_file_atomically(directory / (std::string(kModelingModule) + ".py"), modeling_file(spec));
  }
  write_file_atomically(directory / kModelInfoFile, info_json(info).dump(2) + "\n");
  write_file_atomically(directory / "README.md", card);
}

std::uint64_t unmerged_bytes(const ModelDirectory& merged) {
  return merged.weight_bytes();
}

void write_unmerged(const fs::path& directory, const ModelDirectory& merged) {
  const MergedInfo info = read_merged_info(merged.path());
  if (!info.reversible) {
    throw input_error("this merge cannot be undone bit for bit: it has " +
                          std::to_string(info.copies) + " copies at strength " +
                          strength_text(info.strength) +
                          (info.method == Method::kMlp ? ", and its originals were trained"
                                                       : ", so its weights were rounded"),
                      merged.path().string(), "use the base it was made of: " + info.base_model);
  }
  const std::string where = (merged.path() / kModelInfoFile).string() + ", base_config";
  DecoderSpec base = read_spec(parse_json(info.base_config, where), where);
  base.names = find_tensor_names(merged);
  const Merged known{merged, info, base, mlp_tensors(base)};
  check_widths(known);
  const std::map<std::string, TensorView> lost = read_remainder(known);
  std::vector<TensorSource> sources;
  for (const auto& [name, view] : merged.tensors()) {
    sources.push_back(known.folded.contains(name) ? unfolded(name, view, known, lost)
                                                  : source_of(name, view));
  }
  write_sharded_safetensors(directory, sources, kMaxShardBytes);
  merged.copy_companions(directory);
  write_file_atomically(directory / "config.json", info.base_config);

  const std::string found = ModelDirectory::open(directory).fingerprint();
  if (found != info.base_fingerprint) {
    throw failure("what was taken out is not the base: fingerprint " + found + ", expected " +
                      info.base_fingerprint,
                  merged.path().string(), "the merged model was changed after it was written");
  }
}

}  // namespace expandft
