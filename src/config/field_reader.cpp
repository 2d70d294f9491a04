#include "config/field_reader.h"

#include "base/error.h"
#include "base/wording.h"
#include "config/json_check.h"
#include "config/unknown_keys.h"

#include <algorithm>
#include <map>
#include <set>

namespace expandft {
namespace {

struct Given {
  Json value;
  ValueSource origin = ValueSource::kConfig;
};

/// Collects what was given and what is wrong, key by key, before anything is stored.
class Reader {
 public:
  explicit Reader(const FieldTable& table) : table_(table) {
    for (const Field& field : table.fields) fields_[field.path] = &field;
    for (const Group& group : table.groups) groups_[group.path] = &group;
  }

  void add_document(const Json& document) {
    if (!document.is_object()) {
      report("", ValueSource::kConfig, "found " + shown(document) + "; allowed: an object");
      return;
    }
    Json keys = document;
    if (const auto schema = keys.find("$schema"); schema != keys.end()) {
      if (!schema->is_string()) add_problem("$schema", ValueSource::kConfig, *schema, "a string");
      keys.erase(schema);
    }
    for (const auto& [key, value] : keys.items()) add_member("", key, value, ValueSource::kConfig);
    for (const ExclusivePair& pair : table_.exclusive) check_pair(pair, ValueSource::kConfig);
  }

  void add_override(const std::string& text) {
    const std::size_t equals = text.find('=');
    if (equals == text.npos || equals == 0) {
      report(text, ValueSource::kCommandLine, "expected KEY=VALUE, such as training.seed=1");
      return;
    }
    const std::string path = text.substr(0, equals), value = text.substr(equals + 1);
    if (!is_utf8(text)) {
      report(path, ValueSource::kCommandLine, "the text is not valid UTF-8");
      return;
    }
    add(path, parse_or_text(value), ValueSource::kCommandLine);
  }

  /// Of two keys that exclude each other, the one on the command line replaces the file's.
  void settle_pairs() {
    for (const ExclusivePair& pair : table_.exclusive) {
      check_pair(pair, ValueSource::kCommandLine);
      settle(pair.first, pair.second);
      settle(pair.second, pair.first);
    }
  }

  void store(const Field& field, const fs::path& config_folder, const fs::path& here) {
    const auto found = given_.find(field.path);
    const bool is_null = found != given_.end() && found->second.value.is_null();
    if (found == given_.end() || (is_null && field.is_nullable)) {
      const bool is_needed = field.is_required || (field.is_needed && field.is_needed());
      if (is_needed && is_active(group_of(field.path)) && !is_broken(field.path)) {
        report(field.path, ValueSource::kConfig,
               "missing, but required; allowed: " + field.allowed);
      } else if (!field.fallback.is_null() && !is_excluded(field.path)) {
        field.store(field.fallback, {});
        given_.erase(field.path);  // null: its origin is the default now
      }
      return;
    }
    const auto& [value, origin] = found->second;
    const fs::path& folder = origin == ValueSource::kCommandLine ? here : config_folder;
    if (field.check) {
      const std::vector<FieldProblem> found_wrong = field.check(value, folder);
      for (const FieldProblem& problem : found_wrong) report(problem.path, origin, problem.text);
      if (!found_wrong.empty()) return;
    } else if (!matches(field.schema, value)) {
      add_problem(field.path, origin, value, field.allowed);
      return;
    }
    try {
      field.store(value, folder);
    } catch (const Error& error) {
      std::string text = error.message();
      if (!text.starts_with("found ")) text = "found " + shown(value) + ": " + text;
      if (!error.hint().empty()) text += " (" + error.hint() + ")";
      report(field.path, origin, text);
    }
  }

  void throw_problems(const fs::path& file) const {
    if (problems_.empty()) return;
    std::string message = problems_.front();
    if (problems_.size() > 1) {
      message = std::to_string(problems_.size()) + " problems:";
      for (const std::string& problem : problems_) message += "\n  - " + problem;
    }
    throw input_error(message, file_is_at_fault_ ? file.string() : "--set", table_.hint);
  }

  FieldValues values() const {
    FieldValues out;
    out.resolved = Json::object();
    std::set<std::string> absent;
    for (const Field& field : table_.fields) {
      const std::string group = group_of(field.path);
      if (!is_active(group)) {
        if (!absent.insert(group).second) continue;
        place(out.resolved, group) = nullptr;
        out.value_sources.emplace_back(group, origin_of(group));
      } else {
        place(out.resolved, field.path) = field.load();
        out.value_sources.emplace_back(field.path, origin_of(field.path));
      }
    }
    return out;
  }

 private:
  static Json parse_or_text(const std::string& text) {
    try {
      return parse_json(text, "--set");
    } catch (const Error&) {
      return text;
    }
  }

  static Json& place(Json& root, const std::string& path) {
    const std::string group = group_of(path);
    return (group.empty() ? root : place(root, group))[key_of(path)];
  }

  void add(const std::string& path, const Json& value, ValueSource origin) {
    if (const auto group = groups_.find(path); group != groups_.end()) {
      add_group(*group->second, value, origin);
    } else if (fields_.contains(path)) {
      given_[path] = {value, origin};
      const auto owner = groups_.find(group_of(path));
      if (owner != groups_.end() && owner->second->is_optional) present_[owner->first] = origin;
    } else {
      report(path, origin, "unknown key" + suggestion(path));
    }
  }

  /// A key as it stands in an object. A dot in it is no path: "a.b" is not {"a": {"b": …}}.
  void add_member(const std::string& prefix, const std::string& key, const Json& value,
                  ValueSource origin) {
    if (key.find('.') == key.npos) {
      add(prefix + key, value, origin);
    } else {
      report(prefix + key, origin,
             "unknown key; in a file, keys are nested, not joined by dots: {\"" +
                 key.substr(0, key.find('.')) + "\": {…}}");
    }
  }

  void add_group(const Group& group, const Json& value, ValueSource origin) {
    if (value.is_object()) {
      if (group.is_optional) present_[group.path] = origin;
      for (const auto& [key, inner] : value.items()) {
        add_member(group.path + ".", key, inner, origin);
      }
    } else if (value.is_null() && group.is_optional) {
      present_.erase(group.path);
      std::erase_if(given_, [&](const auto& one) { return group_of(one.first) == group.path; });
      given_[group.path] = {nullptr, origin};
    } else {
      broken_.insert(group.path);
      add_problem(group.path, origin, value, group.is_optional ? "an object or null" : "an object");
    }
  }

  /// What is known elsewhere or by another name, in this order: as another tool's key, in another
  /// object, as a slip of the pen here, as one elsewhere.
  std::string suggestion(const std::string& path) const {
    const std::string group = group_of(path), key = key_of(path);
    if (const ForeignKey* foreign = find_foreign(table_.foreign, key)) {
      return "; " + in_words(*foreign);
    }
    std::vector<std::string> all, keys, siblings;
    for (const Field& field : table_.fields) all.push_back(field.path);
    for (const Group& one : table_.groups) all.push_back(one.path);
    for (const std::string& known : all) {
      keys.push_back(key_of(known));
      if (group_of(known) == group) siblings.push_back(key_of(known));
    }
    const auto known_as = [&](const std::string& name) {
      const auto same = [&](const std::string& one) { return bare_key(one) == bare_key(name); };
      const auto found = std::ranges::find_if(keys, same);
      return found == keys.end() ? "" : all[static_cast<std::size_t>(found - keys.begin())];
    };
    std::string meant = known_as(key);
    if (meant.empty()) {
      meant = nearest(key, siblings);
      if (!meant.empty() && !group.empty()) meant.insert(0, group + ".");
    }
    if (meant.empty() && siblings.empty()) meant = nearest(path, all);
    if (meant.empty()) meant = known_as(nearest(key, keys));
    if (!meant.empty()) return "; did you mean \"" + meant + "\"?";
    return siblings.empty() ? "" : "; " + known_here(siblings);
  }

  bool is_given(const std::string& path) const {
    const auto found = given_.find(path);
    return found != given_.end() && !found->second.value.is_null();
  }

  void check_pair(const ExclusivePair& pair, ValueSource origin) {
    if (!is_given(pair.first) || !is_given(pair.second)) return;
    const Given &first = given_.at(pair.first), &second = given_.at(pair.second);
    if (first.origin != origin || second.origin != origin) return;
    report(pair.first, origin,
           "found " + shown(first.value) + " beside " + pair.second + " = " + shown(second.value) +
               "; allowed: only one of the two");
  }

  void settle(const std::string& path, const std::string& other) {
    if (!is_given(path)) return;
    excluded_.insert(other);
    const ValueSource origin = given_.at(path).origin;
    if (is_given(other) && (origin == given_.at(other).origin || origin == ValueSource::kConfig))
      return;
    given_[other] = {nullptr, origin};
  }

  bool is_excluded(const std::string& path) const { return excluded_.contains(path); }

  bool is_active(const std::string& group) const {
    const auto found = groups_.find(group);
    return found == groups_.end() || !found->second->is_optional || present_.contains(group);
  }

  /// Whether a problem of a group says enough about its keys.
  bool is_broken(const std::string& path) const { return broken_.contains(group_of(path)); }

  ValueSource origin_of(const std::string& path) const {
    const auto found = given_.find(path);
    return found == given_.end() ? ValueSource::kDefault : found->second.origin;
  }

  void add_problem(const std::string& path, ValueSource origin, const Json& value,
                   const std::string& allowed) {
    report(path, origin, "found " + shown(value) + "; allowed: " + allowed);
  }

  void report(const std::string& path, ValueSource origin, const std::string& text) {
    const bool by_user = origin == ValueSource::kCommandLine;
    file_is_at_fault_ |= !by_user;
    const std::string start = by_user ? "--set " : "";
    const std::string name = path.empty() ? "the file" : path;
    // A key from outside may hold anything, line ends included.
    const std::string safe = shown(Json(name));
    const bool plain = is_utf8(name) && safe == "\"" + name + "\"";
    problems_.push_back(start + (plain ? name : safe) + ": " + text);
  }

  const FieldTable& table_;
  std::map<std::string, const Field*> fields_;
  std::map<std::string, const Group*> groups_;
  std::map<std::string, Given> given_;          // by path; optional groups only when null
  std::map<std::string, ValueSource> present_;  // optional groups that are there
  std::set<std::string> excluded_;              // by the other key of an exclusive pair
  std::set<std::string> broken_;                // groups whose value is no object
  std::vector<std::string> problems_;
  bool file_is_at_fault_ = false;
};

}  // namespace

FieldValues read_fields(const FieldTable& table, const Json& document, const fs::path& file,
                        const std::vector<std::string>& overrides) {
  Reader reader(table);
  reader.add_document(document);
  for (const std::string& text : overrides) reader.add_override(text);
  reader.settle_pairs();
  const fs::path here = working_folder(), config_folder = (here / file).parent_path();
  if (document.is_object()) {
    for (const Field& field : table.fields) reader.store(field, config_folder, here);
  }
  reader.throw_problems(file);
  return reader.values();
}

}  // namespace expandft
