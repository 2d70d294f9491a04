#include "families/unread_fields.h"

#include "base/wording.h"
#include "families/known_fields.h"

#include <algorithm>
#include <string_view>
#include <vector>

namespace expandft {
namespace {

constexpr const char* kDtypes[] = {"float32", "float", "float64", "double",
                                   "float16", "half",  "bfloat16"};

bool is_of(const Json& value, FieldKind kind, const DecoderSpec& spec) {
  switch (kind) {
    case FieldKind::kFlag:
      return value.is_boolean();
    case FieldKind::kInteger:
      return value.is_number_integer();
    case FieldKind::kNumber:
      return value.is_number();
    case FieldKind::kText:
      return value.is_string();
    case FieldKind::kList:
      return value.is_array() && std::ranges::all_of(value, [](const Json& item) {
               return item.is_string() || item.is_number() || item.is_array();
             });
    case FieldKind::kObject:
      return value.is_object();
    case FieldKind::kDtype:
      return std::ranges::count(kDtypes, value) > 0;
    case FieldKind::kPadding:
      return value.is_number_integer() && value < spec.vocab && value >= -spec.vocab;
    case FieldKind::kDropout:
      return value.is_number() && value >= 0 && value <= 1;
  }
  return false;
}

std::string_view kind_name(FieldKind kind) {
  switch (kind) {
    case FieldKind::kFlag:
      return "true or false";
    case FieldKind::kInteger:
      return "an integer";
    case FieldKind::kNumber:
      return "a number";
    case FieldKind::kText:
      return "a string";
    case FieldKind::kList:
      return "a list";
    case FieldKind::kObject:
      return "an object";
    case FieldKind::kDtype:
      return "the name of a dtype";
    case FieldKind::kPadding:
      return "a token of the vocabulary";
    case FieldKind::kDropout:
      return "a number from 0 to 1";
  }
  return "";
}

/// Whether the field is known to change what models compute; input error unless its value is the
/// one without effect.
bool is_neutral_arithmetic(const ConfigFields& fields, const std::string& key, const Json& value) {
  const auto* const known = std::ranges::find(kArithmeticFields, key, &ArithmeticField::key);
  if (known == std::end(kArithmeticFields)) return false;
  const bool is_neutral =
      known->neutral && value.is_number() && value.get<double>() == *known->neutral;
  if (is_neutral) return true;
  fields.refuse(key.c_str(), "nothing: it changes what a model computes and is not supported",
                key == "quantization_config"
                    ? "expand the original, then quantise the merged model"
                    : "remove it only if the model was not trained with it");
}

}  // namespace

bool says_nothing(const Json& value) {
  return value.is_null() || value == false || value == "" ||
         ((value.is_array() || value.is_object()) && value.empty());
}

void judge_unread_fields(const ConfigFields& fields, DecoderSpec& spec) {
  std::vector<std::string> unknown;
  for (const std::string& key : fields.unread()) {
    const Json& value = fields.object().at(key);
    if (says_nothing(value)) continue;
    const auto* const known = std::ranges::find(kHarmlessFields, key, &HarmlessField::key);
    if (known == std::end(kHarmlessFields)) {
      if (!is_neutral_arithmetic(fields, key, value)) unknown.push_back(key);
    } else if (!is_of(value, known->kind, spec)) {
      spec.add_notice({"field \"" + key + "\" is " + json_excerpt(value) + ", not " +
                           std::string(kind_name(known->kind)) + ": it is ignored",
                       fields.where(), "other programs may refuse the model"});
    } else if (known->kind == FieldKind::kDropout && value > 0) {
      spec.training_notices.push_back(
          {"field \"" + key + "\" is " + json_excerpt(value) + ": expandft trains without dropout",
           fields.where(), ""});
    }
  }
  if (unknown.empty()) return;
  const bool one = unknown.size() == 1;
  spec.add_notice({std::string(one ? "field " : "fields ") + quoted_list(unknown, unknown.size()) +
                       (one ? " is" : " are") + " unknown",
                   fields.where(),
                   std::string("if ") + (one ? "it" : "one of them") +
                       " changes what the model computes, expandft computes something else"});
}

}  // namespace expandft
