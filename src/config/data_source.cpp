#include "config/data_source.h"

#include "base/error.h"
#include "config/json_check.h"
#include "config/unknown_keys.h"

#include <utility>

namespace expandft {
namespace {

constexpr int kMostWeight = 1000;

Json weight_schema() {
  return {{"type", "number"}, {"exclusiveMinimum", 0}, {"maximum", kMostWeight}};
}

Json described(Json schema, const char* doc) {
  Json out = {{"description", doc}};
  out.update(schema);
  return out;
}

Json template_schema() {
  return {{"type", Json::array({"object", "null"})},
          {"additionalProperties", false},
          {"required", Json::array({"prompt", "completion"})},
          {"properties", {{"prompt", text_schema()}, {"completion", text_schema()}}}};
}

Json source_schema(SourceUse use) {
  const bool is_retention = use == SourceUse::kRetention;
  Json properties = {
      {"path", described(path_schema(),
                         is_retention ? "A file, or `self`." : "A file, a folder or a glob.")}};
  if (use != SourceUse::kValidation) {
    properties["weight"] = described(
        weight_schema(),
        is_retention ? "Its part of a step's sequences, beside the weights of the other texts."
                     : "How often its examples are used in an epoch; may be a fraction.");
    properties["weight"]["default"] = 1;
  }
  if (!is_retention) {
    properties["template"] = described(template_schema(), "Used instead of `data.template`.");
  }
  return {{"type", "object"},
          {"additionalProperties", false},
          {"required", Json::array({"path"})},
          {"properties", properties}};
}

Json sources_schema(SourceUse use) {
  const Json item = {{"anyOf", Json::array({path_schema(), source_schema(use)})}};
  const Json list = {{"type", "array"}, {"minItems", 1}, {"items", item}};
  return {{"anyOf", Json::array({path_schema(), list})}};
}

std::vector<std::string> known_keys(SourceUse use) {
  switch (use) {
    case SourceUse::kTraining:
      return {"path", "weight", "template"};
    case SourceUse::kValidation:
      return {"path", "template"};
    case SourceUse::kRetention:
      break;
  }
  return {"path", "weight"};
}

/// {"path", "weight"}
std::string keys_in_words(SourceUse use) {
  std::string words;
  for (const std::string& key : known_keys(use)) {
    words += (words.empty() ? "{\"" : ", \"") + key + "\"";
  }
  return words + "}";
}

std::string sources_in_words(SourceUse use) {
  const std::string list_end = " and of " + keys_in_words(use);
  if (use == SourceUse::kRetention) {
    return "\"self\", the path of a text file, or a list of these" + list_end;
  }
  return "a path, or a list of paths" + list_end;
}

/// Finds all that is wrong with a value, at the JSON path of each part.
class SourceCheck {
 public:
  SourceCheck(SourceUse use, const fs::path& folder) : use_(use), folder_(folder) {}

  void check(const std::string& key, const Json& value) {
    if (value.is_string()) {
      check_path(key, value);
    } else if (value.is_array() && !value.empty()) {
      for (std::size_t i = 0; i < value.size(); ++i) {
        check_source(key + "[" + std::to_string(i) + "]", value[i]);
      }
    } else {
      add(key, value, sources_in_words(use_) + (use_ == SourceUse::kValidation ? " or null" : ""));
    }
  }

  std::vector<FieldProblem> problems;

 private:
  void add(const std::string& key, const Json& value, const std::string& allowed) {
    problems.push_back({key, "found " + shown(value) + "; allowed: " + allowed});
  }

  void check_path(const std::string& key, const Json& value) {
    if (!matches(path_schema(), value)) {
      add(key, value, "a path");
      return;
    }
    try {
      resolve_path(value, folder_);
    } catch (const Error& error) {
      problems.push_back({key, "found " + shown(value) + ": " + error.message()});
    }
  }

  void check_source(const std::string& key, const Json& value) {
    if (value.is_string()) {
      check_path(key, value);
      return;
    }
    if (!value.is_object()) {
      add(key, value, "a path or " + keys_in_words(use_));
      return;
    }
    if (!value.contains("path")) {
      problems.push_back({key + ".path", "missing, but required; allowed: a path"});
    }
    for (const auto& [name, inner] : value.items()) {
      const std::string at = std::string(key).append(".").append(name);
      if (name == "path") {
        check_path(at, inner);
      } else if (name == "weight") {
        check_weight(at, inner);
      } else if (name == "template" && use_ != SourceUse::kRetention) {
        check_template(at, inner);
      } else {
        problems.push_back({at, unknown_key(name, known_keys(use_), key + ".")});
      }
    }
  }

  void check_weight(const std::string& key, const Json& value) {
    if (use_ == SourceUse::kValidation) {
      problems.push_back({key, "found " + shown(value) +
                                   "; only data.train has weights, held-out data counts once"});
    } else if (!matches(weight_schema(), value)) {
      add(key, value, describe_schema(weight_schema()));
    }
  }

  void check_template(const std::string& key, const Json& value) {
    if (value.is_null()) return;
    if (!value.is_object()) {
      add(key, value, R"({"prompt", "completion"} or null)");
      return;
    }
    for (const char* const name : {"prompt", "completion"}) {
      const std::string at = std::string(key).append(".").append(name);
      if (!value.contains(name)) {
        problems.push_back({at, "missing, but required; allowed: a string"});
      } else if (!value[name].is_string()) {
        add(at, value[name], "a string");
      }
    }
    for (const auto& [name, inner] : value.items()) {
      if (name == "prompt" || name == "completion") continue;
      problems.push_back({std::string(key).append(".").append(name),
                          unknown_key(name, {"prompt", "completion"}, key + ".")});
    }
  }

  SourceUse use_;
  fs::path folder_;
};

constexpr const char* kSelf = "self";

DataSource source_of(const Json& value, const fs::path& folder, SourceUse use) {
  DataSource source;
  const std::string path = value.is_string() ? value : value.at("path");
  const bool is_self = use == SourceUse::kRetention && path == kSelf;
  if (!is_self) source.path = resolve_path(path, folder);
  if (value.is_string()) return source;
  source.weight = value.value("weight", 1.0);
  if (const auto form = value.find("template"); form != value.end() && !form->is_null()) {
    source.text_template = TemplateConfig{form->at("prompt"), form->at("completion")};
  }
  return source;
}

Json json_of(const std::vector<DataSource>& sources, SourceUse use) {
  if (sources.empty()) return nullptr;
  const auto path_of = [use](const DataSource& source) {
    return use == SourceUse::kRetention && source.is_self() ? kSelf : source.path.string();
  };
  if (sources.size() == 1 && sources[0].is_plain()) return path_of(sources[0]);
  Json list = Json::array();
  for (const DataSource& source : sources) {
    Json one = {{"path", path_of(source)}};
    if (use != SourceUse::kValidation) one["weight"] = source.weight;
    if (use != SourceUse::kRetention) one["template"] = nullptr;
    if (const auto& form = source.text_template) {
      one["template"] = {{"prompt", form->prompt}, {"completion", form->completion}};
    }
    list.push_back(one);
  }
  return list;
}

}  // namespace

std::string source_key(const std::string& key, const std::vector<DataSource>& sources,
                       std::size_t index) {
  if (sources.size() == 1 && sources[0].is_plain()) return key;
  return key + "[" + std::to_string(index) + "]";
}

Field sources_field(std::string path, std::vector<DataSource>& member, SourceUse use,
                    std::string doc) {
  const std::string key = path;
  Field field = make_field(
                    std::move(path), sources_schema(use), std::move(doc),
                    [&member, use](const Json& value, const fs::path& folder) {
                      member.clear();
                      if (value.is_string()) {
                        member.push_back(source_of(value, folder, use));
                      } else {
                        for (const Json& one : value) member.push_back(source_of(one, folder, use));
                      }
                    },
                    [&member, use] { return json_of(member, use); })
                    .allowing(sources_in_words(use));
  field.check = [key, use](const Json& value, const fs::path& folder) {
    SourceCheck check(use, folder);
    check.check(key, value);
    return std::move(check.problems);
  };
  return use == SourceUse::kValidation ? make_nullable(std::move(field)) : field;
}

}  // namespace expandft
