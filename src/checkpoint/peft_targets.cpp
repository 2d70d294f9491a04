#include "checkpoint/peft_targets.h"

#include "base/error.h"

#include <algorithm>
#include <limits>

namespace expandft {
namespace {

std::shared_ptr<const RegularExpression> compiled(const std::string& pattern,
                                                  const JsonNode& node) {
  return std::make_shared<const RegularExpression>(pattern, node.where(), RegexSyntax::kPython);
}

ModuleNames read_module_names(const std::optional<JsonNode>& node) {
  ModuleNames modules;
  if (!node) return modules;
  if (node->value().is_string()) {
    const std::string& text = node->text();
    modules.are_all = text == "all-linear";
    if (!modules.are_all && !text.empty()) {
      modules.pattern = compiled("\\A(?:" + text + ")\\Z", *node);
    }
    return modules;
  }
  if (!node->value().is_array()) node->wrong("a list of names, or a regular expression");
  for (const JsonNode& name : node->items()) modules.names.push_back(name.text());
  return modules;
}

std::vector<std::int64_t> read_layers(const std::optional<JsonNode>& node) {
  constexpr std::int64_t kLargest = std::numeric_limits<std::int32_t>::max();
  std::vector<std::int64_t> layers;
  if (!node) return layers;
  if (node->value().is_number()) {
    layers.push_back(node->integer(0, kLargest));
    return layers;
  }
  if (!node->value().is_array()) node->wrong("an index of a layer, or a list of them");
  for (const JsonNode& layer : node->items()) layers.push_back(layer.integer(0, kLargest));
  return layers;
}

}  // namespace

bool ModuleNames::match(const std::string& module) const {
  if (are_all) return true;
  if (pattern) return !pattern->find_all(module).empty();
  return std::ranges::any_of(names, [&](const std::string& name) {
    return module == name || module.ends_with("." + name);
  });
}

PeftTargets PeftTargets::read(const JsonNode& config) {
  PeftTargets read;
  const auto targets = config.find("target_modules");
  read.targets_ = read_module_names(targets);
  if (read.targets_.empty()) {
    throw input_error("\"target_modules\" names no module", config.where(),
                      "the adapter is damaged: copy it again");
  }
  read.stated_ = targets->value();
  read.excluded_ = read_module_names(config.find("exclude_modules"));
  read.layers_ = read_layers(config.find("layers_to_transform"));
  if (const auto pattern = config.find("layers_pattern")) {
    const auto add = [&](const JsonNode& node) {
      if (node.text().empty()) return;
      read.layer_patterns_.push_back(
          compiled("\\A(?:|.*?\\.)" + node.text() + "\\.[0-9]+\\.", node));
    };
    if (pattern->value().is_string()) {
      add(*pattern);
    } else {
      for (const JsonNode& item : pattern->items()) add(item);
    }
  }
  if (!read.layers_.empty() && read.layer_patterns_.empty()) {
    read.layer_patterns_.push_back(compiled("\\A.*?\\.[^.]*\\.[0-9]+\\.", config));
  }
  return read;
}

PeftTargets PeftTargets::of(const std::vector<std::string>& names) {
  PeftTargets targets;
  targets.stated_ = names;
  targets.targets_.names = names;
  return targets;
}

std::optional<std::string> PeftTargets::left_out_by(const std::string& module) const {
  if (excluded_.match(module)) return "exclude_modules";
  if (!targets_.match(module)) return "target_modules";
  // A module named in full is included in any layer.
  if (std::ranges::find(targets_.names, module) != targets_.names.end()) return {};
  if (!layers_.empty() && !is_in_layers(module)) return "layers_to_transform";
  return {};
}

bool PeftTargets::is_in_layers(const std::string& module) const {
  for (const auto& pattern : layer_patterns_) {
    const std::vector<Match> found = pattern->find_all(module);
    if (found.empty()) continue;
    const std::string path = module.substr(0, found.front().end - 1);
    const std::string digits = path.substr(path.rfind('.') + 1);
    return std::ranges::any_of(layers_,
                               [&](std::int64_t layer) { return std::to_string(layer) == digits; });
  }
  return false;
}

}  // namespace expandft
