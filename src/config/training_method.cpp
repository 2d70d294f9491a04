#include "config/training_method.h"

#include "base/error.h"

#include <charconv>
#include <utility>

namespace expandft {
namespace {

constexpr std::pair<const char*, Method> kNames[] = {{"new", Method::kNew},
                                                     {"mlp", Method::kMlp},
                                                     {"zero-init", Method::kZeroInit},
                                                     {"llama-pro", Method::kLlamaPro},
                                                     {"lora", Method::kLora},
                                                     {"full", Method::kFull}};
constexpr const char* kLastPrefix = "last:";
constexpr const char* kMethodWords =
    R"("new", "mlp", "zero-init", "llama-pro", "lora", "full" or "last:N")";

}  // namespace

std::optional<TrainingMethod> parse_method(const std::string& text) {
  for (const auto& [name, method] : kNames) {
    if (text == name) return TrainingMethod{method};
  }
  if (!text.starts_with(kLastPrefix)) return {};
  const char* const begin = text.data() + std::char_traits<char>::length(kLastPrefix);
  const char* const end = text.data() + text.size();
  TrainingMethod last{Method::kLast};
  const auto [stop, error] = std::from_chars(begin, end, last.last_layers);
  if (error != std::errc() || stop != end || last.last_layers < 1) return {};
  return last;
}

std::string method_text(const TrainingMethod& method) {
  for (const auto& [name, value] : kNames) {
    if (method.kind == value) return name;
  }
  return kLastPrefix + std::to_string(method.last_layers);
}

Field method_field(std::string path, TrainingMethod& member, std::string doc) {
  const Json names = {
      {"enum", Json::array({"new", "mlp", "zero-init", "llama-pro", "lora", "full"})}};
  const Json last = {{"type", "string"}, {"pattern", "^last:[1-9][0-9]*$"}};
  return make_field(
             std::move(path), {{"anyOf", Json::array({names, last})}}, std::move(doc),
             [&member](const Json& value, const fs::path&) {
               const auto method = parse_method(value);
               if (!method) {
                 throw input_error("found " + value.dump() + "; allowed: " + kMethodWords);
               }
               member = *method;
             },
             [&member] { return Json(method_text(member)); })
      .allowing(kMethodWords);
}

Json needed_layers_rule() {
  const Json layers = {{"required", Json::array({"layers"})},
                       {"properties", {{"layers", {{"not", {{"type", "null"}}}}}}}};
  const Json expands = {{"enum", Json::array({"new", "mlp", "zero-init", "llama-pro"})}};
  return {{"if", {{"properties", {{"method", expands}}}}},
          {"then",
           {{"required", Json::array({"expansion"})}, {"properties", {{"expansion", layers}}}}}};
}

Field lora_targets_field(std::string path, std::vector<std::string>& member, std::string doc) {
  const std::vector<std::string> names = {"q_proj",   "k_proj",    "v_proj",
                                          "qkv_proj", "o_proj",    "gate_proj",
                                          "up_proj",  "down_proj", "gate_up_proj"};
  const Json all = {{"type", "string"}, {"enum", Json::array({"all"})}};
  const Json list = {
      {"type", "array"}, {"minItems", 1}, {"items", {{"type", "string"}, {"enum", names}}}};
  return make_field(
             std::move(path), {{"anyOf", Json::array({all, list})}}, std::move(doc),
             [&member](const Json& value, const fs::path&) {
               member = value.is_string() ? std::vector<std::string>{value}
                                          : value.get<std::vector<std::string>>();
             },
             [&member] { return member == std::vector<std::string>{"all"} ? "all" : Json(member); })
      .allowing(
          "\"all\", or a list of \"q_proj\", \"k_proj\", \"v_proj\", \"o_proj\", \"gate_proj\", "
          "\"up_proj\", \"down_proj\" (of fused models \"qkv_proj\", \"gate_up_proj\")");
}

}  // namespace expandft
