#include "config/fields.h"

#include <algorithm>

namespace expandft {
namespace {

Json property(const Field& field) {
  Json out = {{"description", field.doc}};
  out.update(field.schema);
  if (!field.fallback.is_null()) out["default"] = field.fallback;
  return out;
}

/// Both keys at once, where null counts as absent.
Json both(const ExclusivePair& pair) {
  Json keys = Json::array(), not_null = Json::object();
  for (const std::string& path : {pair.first, pair.second}) {
    keys.push_back(key_of(path));
    not_null[key_of(path)] = {{"not", {{"type", "null"}}}};
  }
  return {{"required", keys}, {"properties", not_null}};
}

Json group_schema(const FieldTable& table, const Group& group) {
  Json properties = Json::object(), required = Json::array(), rules = Json::array();
  if (group.path.empty()) {
    properties["$schema"] = {{"description", "Where the schema of this file is, for editors."},
                             {"type", "string"}};
  }
  for (const Field& field : table.fields) {
    // A group stands where the first of its keys does.
    std::string child = field.path;
    while (child.size() > group.path.size() && group_of(child) != group.path)
      child = group_of(child);
    if (group_of(child) != group.path || child == group.path) continue;
    if (child == field.path) {
      properties[key_of(child)] = property(field);
      if (field.is_required) required.push_back(key_of(child));
    } else if (!properties.contains(key_of(child))) {
      const auto found = std::find_if(table.groups.begin(), table.groups.end(),
                                      [&](const Group& one) { return one.path == child; });
      const Json inner = group_schema(table, *found);
      properties[key_of(child)] = inner;
      if (!found->is_optional && inner.contains("required")) required.push_back(key_of(child));
    }
  }
  for (const ExclusivePair& pair : table.exclusive) {
    if (group_of(pair.first) == group.path) rules.push_back({{"not", both(pair)}});
  }
  if (group.path.empty()) {
    for (const Json& rule : table.rules) rules.push_back(rule);
  }
  Json out = Json::object();
  if (!group.doc.empty()) out["description"] = group.doc;
  out["type"] = group.is_optional ? Json::array({"object", "null"}) : Json("object");
  out["additionalProperties"] = false;
  if (!required.empty()) out["required"] = required;
  if (!rules.empty()) out["allOf"] = rules;
  out["properties"] = properties;
  return out;
}

std::string bars_escaped(const std::string& text) {
  std::string out;
  for (const char c : text) {
    if (c == '|') out += '\\';
    out += c;
  }
  return out;
}

std::string default_cell(const Field& field) {
  if (field.is_required) return "required";
  return field.fallback.is_null()
             ? "none"
             : std::string("`").append(bars_escaped(field.fallback.dump())) + "`";
}

}  // namespace

Json fields_schema(const FieldTable& table) {
  Json out = {{"$schema", "https://json-schema.org/draft/2020-12/schema"}, {"title", table.title}};
  out.update(group_schema(table, {"", "", false}));
  return out;
}

std::string fields_reference(const FieldTable& table) {
  std::vector<Group> groups = {{"", "", false}};
  groups.insert(groups.end(), table.groups.begin(), table.groups.end());
  std::string out;
  for (const Group& group : groups) {
    if (!out.empty()) out += "\n";
    if (group.path.empty() && !table.groups.empty()) out += "### At the top\n\n";
    if (!group.path.empty()) {
      out += std::string("### `").append(group.path) + "`\n\n";
    }
    if (!group.doc.empty()) out += group.doc + "\n\n";
    out += "| key | allowed | default | meaning |\n|---|---|---|---|\n";
    for (const Field& field : table.fields) {
      if (group_of(field.path) != group.path) continue;
      out += "| `" + key_of(field.path) + "` | " + bars_escaped(field.allowed) + " | " +
             default_cell(field) + " | " + bars_escaped(field.doc) + " |\n";
    }
  }
  return out;
}

}  // namespace expandft
