#include "config/method_fields.h"

#include "base/error.h"

#include <algorithm>
#include <utility>

namespace expandft {
namespace {

constexpr const char* kMethodWords =
    R"("new", "mlp", "zero-init", "llama-pro", "lora", "full" or "last:N")";

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

Field layers_field(std::string path, LayerSelection& member, std::string doc) {
  const Json item = {{"type", Json::array({"string", "integer"})}};
  const Json list = {{"type", "array"}, {"minItems", 1}, {"items", item}};
  const Json automatic = {
      {"type", "object"},
      {"properties", {{"auto", {{"type", "integer"}, {"minimum", 1}, {"maximum", 10000}}}}},
      {"required", Json::array({"auto"})},
      {"additionalProperties", false}};
  const std::string where = path;
  return make_nullable(make_field(
                           std::move(path), {{"anyOf", Json::array({item, list, automatic})}},
                           std::move(doc),
                           [&member, where](const Json& value, const fs::path&) {
                             member = LayerSelection::parse(value, where);
                           },
                           [&member] { return member.json(); }))
      .allowing(
          R"("all", "last:N", "first:N", "every:N", "a-b", an integer, a list of those, or {"auto": N})");
}

/// "all", or names of projections.
Field targets_field(std::string path, std::vector<std::string>& member, std::string doc) {
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

}  // namespace

Json needed_layers_rule() {
  const Json layers = {{"required", Json::array({"layers"})},
                       {"properties", {{"layers", {{"not", {{"type", "null"}}}}}}}};
  const Json expands = {{"enum", Json::array({"new", "mlp", "zero-init", "llama-pro"})}};
  return {{"if", {{"properties", {{"method", expands}}}}},
          {"then",
           {{"required", Json::array({"expansion"})}, {"properties", {{"expansion", layers}}}}}};
}

std::vector<Field> method_fields(RunConfig& run) {
  ExpansionConfig& expansion = run.expansion;
  return {
      method_field("method", run.method,
                   "What is trained. `new`: the added width, all else is frozen; `mlp`: the "
                   "originals of expanded MLPs too, slower. For comparison: `zero-init` (added "
                   "width that begins at zero), `llama-pro` (added layers), `lora`, `full`, "
                   "`last:N`."),
      layers_field(
          "expansion.layers", expansion.layers,
          "Layers to expand; with `llama-pro`, those that an added layer follows. "
          "Negative integers count from the end; `every:N` takes the last of each N; "
          "`a-b` includes both ends; `{\"auto\": N}` takes the N whose MLPs a probe on the "
          "training data wants to change most. Needed by `new`, `mlp`, `zero-init` and "
          "`llama-pro`; "
          "the others have no use for it.")
          .required_if([&run] { return run.method.expands(); }),
      integer_field("expansion.copies", expansion.copies, from_to(2, 64),
                    "How often the MLP stands in an expanded layer, itself included."),
      number_field("expansion.noise", expansion.noise, from_to(0, 1),
                   "With more than two copies: noise that tells the copies of a layer apart, "
                   "relative to the size of their down weights. It sums to zero over them."),
      integer_field("lora.rank", run.lora.rank, from_to(1, 4096), "Rank of LoRA's updates."),
      number_field("lora.alpha", run.lora.alpha, above_to(0.0, 65536.0),
                   "LoRA's updates count `alpha / rank` times."),
      targets_field("lora.targets", run.lora.targets,
                    "Projections that LoRA updates, in every layer."),
  };
}

}  // namespace expandft
