#include "checkpoint/adapter_directory.h"

#include "base/error.h"
#include "base/json.h"
#include "checkpoint/links.h"
#include "checkpoint/neuron_indices.h"

#include <cmath>
#include <set>

namespace expandft {
namespace {

constexpr const char* kAdapterFormat = "expandft-adapter";
// 2: methods other than "new"; 3: copies of chosen neurons. Each adapter is written with the lowest
// version that says what it is, so that older programs read what they understand.
constexpr std::int64_t kAdapterVersion = 3;
constexpr const char* kDamagedAdapter = "the adapter is damaged: copy it again";

std::int64_t version_of(const AdapterInfo& info) {
  return !info.widths.empty() ? 3 : info.method != Method::kNew ? 2 : 1;
}

std::int64_t positive(const Json& config, const char* key, const std::string& where) {
  constexpr double kMost = 1e12;  // products of two sizes stay far below 2^63
  const Json value = config.contains(key) ? config.at(key) : Json();
  if (!value.is_number_integer() || value.get<double>() < 1 || value.get<double>() > kMost) {
    throw input_error("field \"" + std::string(key) + "\" must be a positive integer", where,
                      kDamagedAdapter);
  }
  return value.get<std::int64_t>();
}

std::string string_field(const Json& config, const char* key, const std::string& where) {
  if (!config.contains(key) || !config.at(key).is_string()) {
    throw input_error("field \"" + std::string(key) + "\" must be a string", where,
                      kDamagedAdapter);
  }
  return config.at(key).get<std::string>();
}

std::vector<std::int64_t> layer_list(const Json& config, std::int64_t layers,
                                     const std::string& where) {
  const Json list = config.contains("layers") ? config.at("layers") : Json();
  std::vector<std::int64_t> out;
  bool good = list.is_array() && !list.empty();
  for (const Json& item : list) {
    good = good && item.is_number_integer() && item.get<std::int64_t>() >= 0 &&
           item.get<std::int64_t>() < layers &&
           (out.empty() || item.get<std::int64_t>() > out.back());
    if (good) out.push_back(item.get<std::int64_t>());
  }
  if (!good) {
    throw input_error("field \"layers\" is " + list.dump() +
                          "; expected ascending layer indices below " + std::to_string(layers),
                      where, kDamagedAdapter);
  }
  return out;
}

/// Empty where the copies are of whole MLPs.
std::vector<std::int64_t> width_list(const Json& config, std::size_t layers, std::int64_t most,
                                     const std::string& where) {
  if (!config.contains("widths")) return {};
  const Json& list = config.at("widths");
  std::vector<std::int64_t> out;
  bool good = list.is_array() && list.size() == layers;
  for (const Json& item : list) {
    good = good && item.is_number_integer() && item.get<std::int64_t>() >= 1 &&
           item.get<std::int64_t>() <= most;
    if (good) out.push_back(item.get<std::int64_t>());
  }
  if (good) return out;
  throw input_error("field \"widths\" is " + list.dump() +
                        "; expected a number of neurons for each of the " + std::to_string(layers) +
                        " layers of \"layers\", from 1 to " + std::to_string(most),
                    where, kDamagedAdapter);
}

AdapterInfo read_adapter_info(const Json& config, const std::string& where) {
  if (!config.is_object() || config.value("format", Json()) != Json(kAdapterFormat)) {
    const bool peft = config.is_object() && config.contains("peft_type");
    throw input_error(peft ? "this is a PEFT adapter (" + config.at("peft_type").dump() +
                                 "), not an expandft adapter"
                           : std::string("this is not an expandft adapter"),
                      where, "use the adapter/ folder that expandft train wrote");
  }
  const std::int64_t version = positive(config, "format_version", where);
  if (version > kAdapterVersion) {
    throw input_error("the adapter has format version " + std::to_string(version) +
                          "; this expandft reads up to " + std::to_string(kAdapterVersion),
                      where, "use a newer expandft");
  }
  AdapterInfo info;
  info.base_model = string_field(config, "base_model_name_or_path", where);
  info.base_fingerprint = string_field(config, "base_fingerprint", where);
  // Older adapters call it "train".
  const char* const key =
      config.contains("train") && !config.contains("method") ? "train" : "method";
  const std::string name = string_field(config, key, where);
  const auto method = parse_method(name);
  if (!method || !method->widens()) {
    throw input_error(std::string("field \"") + key + "\" is \"" + name +
                          "\"; expected \"new\", \"mlp\" or \"zero-init\"",
                      where, "use a newer expandft");
  }
  info.method = method->kind;
  info.copies = positive(config, "copies", where);
  info.num_hidden_layers = positive(config, "num_hidden_layers", where);
  info.hidden_size = positive(config, "hidden_size", where);
  info.intermediate_size = positive(config, "intermediate_size", where);
  info.layers = layer_list(config, info.num_hidden_layers, where);
  info.widths = width_list(config, info.layers.size(), 2 * info.intermediate_size, where);
  const Json strength = config.value("strength", Json());
  if (!strength.is_number() || !(strength.get<double>() >= 0 && strength.get<double>() <= 1)) {
    throw input_error("field \"strength\" must be a number from 0 to 1", where);
  }
  info.strength = strength.get<double>();
  if (info.copies < 2 || info.copies > 64) {
    throw input_error("field \"copies\" is " + std::to_string(info.copies) + "; expected 2 to 64",
                      where);
  }
  if (!info.widths.empty() && info.copies != 2) {
    throw input_error(
        "field \"copies\" is " + std::to_string(info.copies) + "; expected 2 with \"widths\"",
        where, kDamagedAdapter);
  }
  return info;
}

/// The width of a layer's MLP, as whole copies have it: that of the config, or twice as much.
std::int64_t width_of(const AdapterInfo& info, std::int64_t layer,
                      const std::map<std::string, TensorView>& tensors) {
  const auto gate =
      tensors.find(info.widths.empty() ? copy_tensor_name(layer, "gate_proj", 1, "weight")
                                       : original_tensor_name(layer, "gate_proj", "weight"));
  const bool is_wide = gate != tensors.end() && !gate->second.shape.empty() &&
                       gate->second.shape.front() == 2 * info.intermediate_size;
  return is_wide ? 2 * info.intermediate_size : info.intermediate_size;
}

void check_tensors(const AdapterInfo& info, const std::map<std::string, TensorView>& tensors,
                   const std::string& where) {
  std::set<std::string> known;
  const auto check = [&](const std::string& name, const Shape& shape, bool needed) {
    known.insert(name);
    const auto found = tensors.find(name);
    if (found == tensors.end() ? needed : found->second.shape != shape) {
      throw input_error(
          "tensor \"" + name + "\" is missing or does not have the shape that the config states",
          where, kDamagedAdapter);
    }
  };
  const std::int64_t h = info.hidden_size;
  for (std::size_t i = 0; i < info.layers.size(); ++i) {
    const std::int64_t layer = info.layers[i];
    const std::int64_t p = width_of(info, layer, tensors);
    const std::int64_t m = info.widths.empty() ? p : info.widths[i];
    for (std::int64_t copy = 1; copy < info.copies; ++copy) {
      check(copy_tensor_name(layer, "gate_proj", copy, "weight"), {m, h}, true);
      check(copy_tensor_name(layer, "up_proj", copy, "weight"), {m, h}, true);
      check(copy_tensor_name(layer, "down_proj", copy, "weight"), {h, m}, true);
      check(copy_tensor_name(layer, "gate_proj", copy, "bias"), {m}, false);
      check(copy_tensor_name(layer, "up_proj", copy, "bias"), {m}, false);
    }
    if (!info.widths.empty()) check(neurons_tensor_name(layer), {m}, true);
    if (info.method != Method::kMlp) continue;
    check(original_tensor_name(layer, "gate_proj", "weight"), {p, h}, true);
    check(original_tensor_name(layer, "up_proj", "weight"), {p, h}, true);
    check(original_tensor_name(layer, "down_proj", "weight"), {h, p}, true);
    check(original_tensor_name(layer, "gate_proj", "bias"), {p}, false);
    check(original_tensor_name(layer, "up_proj", "bias"), {p}, false);
    check(original_tensor_name(layer, "down_proj", "bias"), {h}, false);
  }
  for (const auto& [name, view] : tensors) {
    if (!known.contains(name)) {
      throw input_error("tensor \"" + name + "\" does not belong to this adapter", where,
                        "adapter_config.json and adapter_model.safetensors do not belong together");
    }
  }
}

}  // namespace

std::string copy_tensor_name(std::int64_t layer, const std::string& projection, std::int64_t copy,
                             const std::string& part) {
  return "model.layers." + std::to_string(layer) + ".mlp." + projection + ".copy" +
         std::to_string(copy) + "." + part;
}

std::string original_tensor_name(std::int64_t layer, const std::string& projection,
                                 const std::string& part) {
  return "model.layers." + std::to_string(layer) + ".mlp." + projection + "." + part;
}

std::string neurons_tensor_name(std::int64_t layer) {
  return "model.layers." + std::to_string(layer) + ".mlp.copy1.neurons";
}

AdapterDirectory AdapterDirectory::open(const fs::path& directory) {
  const fs::path config = directory / "adapter_config.json";
  const fs::path weights = directory / "adapter_model.safetensors";
  if (!is_file(config)) {
    throw input_error("no adapter_config.json: this is not an adapter directory",
                      directory.string(), "use the adapter/ folder that expandft train wrote");
  }
  check_links(directory);
  AdapterDirectory adapter;
  adapter.path_ = directory;
  adapter.info_ = read_adapter_info(read_json(config), config.string());
  adapter.tensors_ = SafetensorsFile::open(weights).tensors();
  AdapterInfo& info = adapter.info_;
  check_tensors(info, adapter.tensors_, weights.string());
  for (std::size_t i = 0; i < info.widths.size(); ++i) {
    const std::string name = neurons_tensor_name(info.layers[i]);
    // How wide this layer is, attach.h knows: the base says it.
    info.neurons.push_back(read_neurons(name, adapter.tensors_.at(name), info.widths[i],
                                        2 * info.intermediate_size, weights.string(),
                                        kDamagedAdapter));
  }
  return adapter;
}

void write_adapter(const fs::path& directory, const AdapterInfo& info,
                   const std::vector<TensorSource>& tensors) {
  Json config = {{"format", kAdapterFormat},
                 {"format_version", version_of(info)},
                 {"base_model_name_or_path", info.base_model},
                 {"base_fingerprint", info.base_fingerprint},
                 {"method", method_text(info.method)},
                 {"layers", info.layers},
                 {"copies", info.copies},
                 {"num_hidden_layers", info.num_hidden_layers},
                 {"hidden_size", info.hidden_size},
                 {"intermediate_size", info.intermediate_size},
                 {"strength", info.strength}};
  std::vector<TensorSource> all = tensors;
  if (!info.widths.empty()) config["widths"] = info.widths;
  for (std::size_t i = 0; i < info.neurons.size(); ++i) {
    all.push_back(neurons_source(neurons_tensor_name(info.layers[i]), info.neurons[i]));
  }
  write_file_atomically(directory / "adapter_config.json", config.dump(2) + "\n");
  write_safetensors(directory / "adapter_model.safetensors", all, {{"format", "pt"}});
}

}  // namespace expandft
