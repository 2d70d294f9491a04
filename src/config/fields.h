#pragma once

#include "base/files.h"
#include "base/json.h"
#include "config/unknown_keys.h"

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace expandft {

/// What is wrong with a part of a value, at its JSON path.
struct FieldProblem {
  std::string path, text;
};

/// One key of a config file. Parsing, checks, the JSON Schema, the resolved config and the
/// reference of keys all come from it; its default is what the struct's member holds at first.
struct Field {
  std::string path;                      // "training.learning_rate"
  std::string doc;                       // one line
  Json schema;                           // JSON Schema fragment, without description and default
  std::string allowed;                   // the same in words
  Json fallback;                         // the default; null: none
  bool is_required = false;              // within its group, when that is optional and absent: not
  std::function<bool()> is_needed = {};  // required as things stand, asked when its turn comes
  bool is_nullable = false;              // null stands for "not given"

  /// Finds what is wrong with a value, where its parts have paths of their own. Not set: `schema`
  /// says it all.
  std::function<std::vector<FieldProblem>(const Json& value, const fs::path& folder)> check;
  /// Stores a value that matches the schema in the member; paths are relative to `folder`.
  /// Input error when the schema alone does not say all.
  std::function<void(const Json& value, const fs::path& folder)> store;
  /// The member as JSON.
  std::function<Json()> load;

  Field required() &&;
  /// Required when `needed` says so, which may ask members whose fields come before.
  Field required_if(std::function<bool()> needed) &&;
  /// What holds when the key is absent and the member itself has no default.
  Field defaults_to(Json value) &&;
  /// Words of its own in place of those made from the schema.
  Field allowing(std::string words) &&;
};

struct Group {
  std::string path, doc;
  bool is_optional = false;  // may be absent or null
};

/// Two keys of which at most one may be given. With neither, the one that has a default holds.
struct ExclusivePair {
  std::string first, second;
};

/// The keys of one kind of file, in the order in which they are written, bound to the members of
/// one struct, which has to outlive the table.
struct FieldTable {
  std::string title, hint;  // the hint of errors
  std::vector<Group> groups;
  std::vector<Field> fields;
  std::vector<ExclusivePair> exclusive;
  std::vector<Json> rules = {};              // of the schema: what the fields' own cannot say
  std::span<const ForeignKey> foreign = {};  // what other tools call such keys
};

// Builders. Bounds are the schema's: from_to(1, 64), above_to(0.0, 1.0), …
template <typename Number>
Json from(Number low) {
  return {{"minimum", low}};
}
template <typename Number>
Json from_to(Number low, Number high) {
  return {{"minimum", low}, {"maximum", high}};
}
template <typename Number>
Json above_to(Number low, Number high) {
  return {{"exclusiveMinimum", low}, {"maximum", high}};
}
template <typename Number>
Json from_below(Number low, Number high) {
  return {{"minimum", low}, {"exclusiveMaximum", high}};
}

/// A field of any schema; `store` and `load` are up to the caller.
Field make_field(std::string path, Json schema, std::string doc,
                 std::function<void(const Json&, const fs::path&)> store,
                 std::function<Json()> load);
/// The same, where null stands for "not given".
Field make_nullable(Field field);

/// Any text; and a path, which is a text that is not empty.
Json text_schema();
Json path_schema();
/// A text, or a list of texts; a text alone counts as a list of one.
Json texts_schema();
std::vector<std::string> texts_of(const Json& value);
/// A schema in words, as errors and the reference of keys have it.
std::string allowed_words(const Json& schema);

Field path_field(std::string path, fs::path& member, std::string doc);
Field path_field(std::string path, std::optional<fs::path>& member, std::string doc);
Field text_field(std::string path, std::string& member, std::string doc);
Field flag_field(std::string path, bool& member, std::string doc);
Field integer_field(std::string path, std::int64_t& member, Json bounds, std::string doc);
Field integer_field(std::string path, std::uint64_t& member, Json bounds, std::string doc);
Field integer_field(std::string path, std::optional<std::int64_t>& member, Json bounds,
                    std::string doc);
Field number_field(std::string path, double& member, Json bounds, std::string doc);

/// A field with a name for each value.
template <typename Value>
Field choice_field(std::string path, Value& member,
                   std::vector<std::pair<std::string, Value>> names, std::string doc) {
  Json values = Json::array();
  for (const auto& [name, value] : names) values.push_back(name);
  return make_field(
      std::move(path), {{"type", "string"}, {"enum", values}}, std::move(doc),
      [&member, names](const Json& found, const fs::path&) {
        for (const auto& [name, value] : names) {
          if (found == name) member = value;
        }
      },
      [&member, names]() -> Json {
        for (const auto& [name, value] : names) {
          if (member == value) return name;
        }
        return nullptr;
      });
}

/// A text in an optional struct, which comes into being when one of its keys is given.
template <typename Owner>
Field text_field(std::string path, std::optional<Owner>& owner, std::string Owner::*member,
                 std::string doc) {
  return make_field(
      std::move(path), text_schema(), std::move(doc),
      [&owner, member](const Json& value, const fs::path&) {
        if (!owner) owner.emplace();
        (*owner).*member = value.get<std::string>();
      },
      [&owner, member]() -> Json { return owner ? Json((*owner).*member) : Json(); });
}

/// An absolute path without "." and "..", as the system would follow it. The last name is kept
/// even when it is a link: its ending tells the kind of file. Input error for text that names no
/// file.
fs::path resolve_path(const std::string& text, const fs::path& folder);

/// The working folder; a failure when it is gone.
fs::path working_folder();

/// JSON Schema, draft 2020-12.
Json fields_schema(const FieldTable& table);
/// Markdown: a table of keys for each group.
std::string fields_reference(const FieldTable& table);

/// "training" of "training.seed"; "" at the top.
std::string group_of(const std::string& path);
/// "seed" of "training.seed".
std::string key_of(const std::string& path);

}  // namespace expandft
