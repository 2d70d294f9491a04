#include "config/fields.h"

#include "base/error.h"
#include "config/json_check.h"

#include <algorithm>
#include <system_error>

namespace expandft {
namespace {

const char* const kPathWords = "a path";

Json with_type(const char* type, const Json& bounds) {
  Json schema = {{"type", type}};
  schema.update(bounds);
  return schema;
}

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
    properties["$schema"] = {{"description", "Schema of this file, for editors."},
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

Json text_schema() {
  return {{"type", "string"}};
}

Json path_schema() {
  return {{"type", "string"}, {"minLength", 1}};
}

Json texts_schema() {
  const Json text = text_schema();
  return {{"anyOf", Json::array({text, {{"type", "array"}, {"minItems", 1}, {"items", text}}})}};
}

std::string allowed_words(const Json& schema) {
  return schema == texts_schema() ? "a string or a list of strings" : describe_schema(schema);
}

std::vector<std::string> texts_of(const Json& value) {
  if (value.is_string()) return {value.get<std::string>()};
  return value.get<std::vector<std::string>>();
}

Field Field::required() && {
  is_required = true;
  fallback = nullptr;
  return std::move(*this);
}

Field Field::required_if(std::function<bool()> needed) && {
  is_needed = std::move(needed);
  return std::move(*this);
}

Field Field::defaults_to(Json value) && {
  fallback = std::move(value);
  return std::move(*this);
}

Field Field::allowing(std::string words) && {
  allowed = std::move(words);
  if (is_nullable) allowed += " or null";
  return std::move(*this);
}

Field make_field(std::string path, Json schema, std::string doc,
                 std::function<void(const Json&, const fs::path&)> store,
                 std::function<Json()> load) {
  Field field;
  field.path = std::move(path);
  field.doc = std::move(doc);
  field.allowed = describe_schema(schema);
  field.schema = std::move(schema);
  field.fallback = load();
  field.store = std::move(store);
  field.load = std::move(load);
  return field;
}

Field make_nullable(Field field) {
  field.is_nullable = true;
  field.allowed += " or null";
  if (field.schema.contains("anyOf")) {
    field.schema["anyOf"].push_back({{"type", "null"}});
  } else {
    field.schema["type"] = Json::array({field.schema["type"], "null"});
  }
  return field;
}

Field path_field(std::string path, fs::path& member, std::string doc) {
  return make_field(
             std::move(path), path_schema(), std::move(doc),
             [&member](const Json& value, const fs::path& folder) {
               member = resolve_path(value, folder);
             },
             [&member] { return Json(member.string()); })
      .allowing(kPathWords);
}

Field path_field(std::string path, std::optional<fs::path>& member, std::string doc) {
  return make_nullable(make_field(
                           std::move(path), path_schema(), std::move(doc),
                           [&member](const Json& value, const fs::path& folder) {
                             member = resolve_path(value, folder);
                           },
                           [&member] { return member ? Json(member->string()) : Json(); }))
      .allowing(kPathWords);
}

Field text_field(std::string path, std::string& member, std::string doc) {
  return make_field(
      std::move(path), text_schema(), std::move(doc),
      [&member](const Json& value, const fs::path&) { member = value.get<std::string>(); },
      [&member] { return Json(member); });
}

Field flag_field(std::string path, bool& member, std::string doc) {
  return make_field(
      std::move(path), {{"type", "boolean"}}, std::move(doc),
      [&member](const Json& value, const fs::path&) { member = value.get<bool>(); },
      [&member] { return Json(member); });
}

Field integer_field(std::string path, std::int64_t& member, Json bounds, std::string doc) {
  return make_field(
      std::move(path), with_type("integer", bounds), std::move(doc),
      [&member](const Json& value, const fs::path&) { member = to_integer(value); },
      [&member] { return Json(member); });
}

Field integer_field(std::string path, std::uint64_t& member, Json bounds, std::string doc) {
  return make_field(
      std::move(path), with_type("integer", bounds), std::move(doc),
      [&member](const Json& value, const fs::path&) {
        member = static_cast<std::uint64_t>(to_integer(value));
      },
      [&member] { return Json(member); });
}

Field integer_field(std::string path, std::optional<std::int64_t>& member, Json bounds,
                    std::string doc) {
  return make_nullable(make_field(
      std::move(path), with_type("integer", bounds), std::move(doc),
      [&member](const Json& value, const fs::path&) { member = to_integer(value); },
      [&member] { return member ? Json(*member) : Json(); }));
}

Field number_field(std::string path, double& member, Json bounds, std::string doc) {
  return make_field(
      std::move(path), with_type("number", bounds), std::move(doc),
      [&member](const Json& value, const fs::path&) { member = value.get<double>(); },
      [&member] { return Json(member); });
}

fs::path resolve_path(const std::string& text, const fs::path& folder) {
  if (text.find('\0') != text.npos) throw input_error("a path cannot hold a NUL character");
  const fs::path joined = folder / text;
  const fs::path last = joined.filename();
  const bool names_folder = last.empty() || last == "." || last == "..";
  // Not lexically_normal alone: "link/.." is the parent of what the link points to.
  std::error_code error;
  fs::path resolved = fs::weakly_canonical(names_folder ? joined : joined.parent_path(), error);
  if (error) resolved = (names_folder ? joined : joined.parent_path()).lexically_normal();
  if (!names_folder) resolved /= last;
  if (!resolved.has_filename() && resolved.has_relative_path()) resolved = resolved.parent_path();
  if (!is_utf8(resolved.string())) throw input_error("the path is not valid UTF-8");
  return resolved;
}

fs::path working_folder() {
  std::error_code error;
  const fs::path found = fs::current_path(error);
  if (error) throw failure("cannot tell the working folder: " + error.message());
  return found;
}

std::string group_of(const std::string& path) {
  const std::size_t dot = path.rfind('.');
  return dot == path.npos ? "" : path.substr(0, dot);
}

std::string key_of(const std::string& path) {
  return path.substr(path.rfind('.') + 1);
}

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
