#include "tokenizer/pipeline/json_node.h"

#include "base/error.h"
#include "config/json_check.h"

namespace expandft {
namespace {

std::string in_words(const Json& value) {
  if (value.is_object()) return "an object";
  if (value.is_array()) return "a list";
  return shown(value);
}

}  // namespace

std::string JsonNode::where() const {
  return path_.empty() ? *file_ : *file_ + ": " + path_;
}

std::string JsonNode::path_of(std::string_view key) const {
  return path_.empty() ? std::string(key) : path_ + "." + std::string(key);
}

std::optional<JsonNode> JsonNode::find(const char* key) const {
  const auto found = object().find(key);
  if (found == value_->end() || found->is_null()) return std::nullopt;
  return JsonNode(*found, *file_, path_of(key));
}

JsonNode JsonNode::at(const char* key) const {
  const auto found = object().find(key);
  if (found == value_->end()) {
    throw input_error("\"" + std::string(key) + "\" is missing", where());
  }
  return {*found, *file_, path_of(key)};
}

std::vector<JsonNode> JsonNode::items() const {
  std::vector<JsonNode> nodes;
  for (const Json& item : array()) {
    nodes.emplace_back(item, *file_, path_ + "[" + std::to_string(nodes.size()) + "]");
  }
  return nodes;
}

const std::string& JsonNode::text() const {
  if (!value_->is_string()) wrong("a string");
  return value_->get_ref<const std::string&>();
}

bool JsonNode::flag() const {
  if (!value_->is_boolean()) wrong("true or false");
  return value_->get<bool>();
}

bool JsonNode::flag(const char* key, bool missing) const {
  const auto member = find(key);
  return member ? member->flag() : missing;
}

std::int64_t JsonNode::integer(std::int64_t least, std::int64_t most) const {
  // An unsigned number beyond the signed range reads as negative.
  const bool whole = value_->is_number_integer();
  const std::int64_t number = whole ? value_->get<std::int64_t>() : 0;
  if (!whole || number < least || number > most || (number < 0) != (*value_ < 0)) {
    wrong("an integer from " + std::to_string(least) + " to " + std::to_string(most));
  }
  return number;
}

const Json& JsonNode::object() const {
  if (!value_->is_object()) wrong("an object");
  return *value_;
}

const Json& JsonNode::array() const {
  if (!value_->is_array()) wrong("a list");
  return *value_;
}

void JsonNode::wrong(const std::string& expected) const {
  throw input_error("expected " + expected + ", found " + in_words(*value_), where());
}

void JsonNode::wrong(std::string_view key, const Json& found, const std::string& expected) const {
  JsonNode(found, *file_, path_of(key)).wrong(expected);
}

void JsonNode::unsupported(const std::string& what, const std::string& supported) const {
  throw input_error(what + " is not supported", where(), "supported: " + supported);
}

}  // namespace expandft
