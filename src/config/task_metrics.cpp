#include "config/task_metrics.h"

#include "base/wording.h"
#include "config/json_check.h"
#include "config/unknown_keys.h"

#include <algorithm>
#include <array>
#include <set>
#include <string_view>

namespace expandft {
namespace {

const std::vector<std::string> kOptions = {"name",   "extract",     "select",
                                           "ignore", "ignore_case", "ignore_punctuation"};

bool contains(const std::vector<std::string>& list, const std::string& name) {
  return std::find(list.begin(), list.end(), name) != list.end();
}

/// Metrics that compare texts, and have options for that.
bool compares_texts(const std::string& metric) {
  return metric == "exact_match" || metric == "contains";
}

Json option_schema(const std::string& option) {
  if (option == "ignore") return texts_schema();
  if (option.starts_with("ignore_")) return {{"type", "boolean"}};
  if (option == "select") return {{"type", "string"}, {"enum", {"first", "last"}}};
  return {{"type", "string"}, {"minLength", 1}};
}

class MetricsCheck {
 public:
  MetricsCheck(TaskType type, bool written) : type_(type), written_(written) {}

  void check(const Json& list) {
    std::set<std::string> names;
    for (std::size_t i = 0; i < list.size(); ++i) {
      const std::string path = "metrics[" + std::to_string(i) + "]";
      const std::string name = check_metric(path, list[i]);
      if (!name.empty() && !names.insert(name).second) {
        add(path, "another metric is called \"" + name + "\" too; give one a \"name\" of its own");
      }
    }
  }

  std::vector<FieldProblem> problems;

 private:
  void add(const std::string& path, const std::string& text) { problems.push_back({path, text}); }

  /// What results call it; "" when that cannot be told.
  std::string check_metric(const std::string& path, const Json& value) {
    if (value.is_string()) return check_name(path, value) ? value.get<std::string>() : "";
    if (!value.is_object() || value.size() != 1) {
      add(path, "found " + shown(value) +
                    "; allowed: a metric's name, or {name: {options}}, one metric in each");
      return "";
    }
    const std::string metric = value.begin().key();
    const Json& options = value.begin().value();
    if (!check_name(path, metric)) return "";
    const std::string inner = path + "." + metric;
    if (!options.is_object()) {
      add(inner, "found " + shown(options) + "; allowed: an object");
      return "";
    }
    for (const auto& [option, setting] : options.items()) {
      check_option(metric, inner, option, setting);
    }
    if (options.contains("select") && !options.contains("extract")) {
      add(inner + ".select", "it chooses among the matches of \"extract\", which is missing");
    }
    const auto name = options.find("name");
    return name != options.end() && name->is_string() ? name->get<std::string>() : metric;
  }

  bool check_name(const std::string& path, const std::string& metric) {
    const std::vector<std::string> known = metric_names(type_, written_);
    if (contains(known, metric)) return true;
    const std::string near = nearest(metric, known);
    std::string list;
    for (const std::string& one : known) list += (list.empty() ? "" : ", ") + one;
    add(path, "found " + shown(metric) + "; metrics of a " + task_type_name(type_) + " task" +
                  (written_ ? " whose answers are written" : "") + ": " + list +
                  (near.empty() ? "" : "; did you mean \"" + near + "\"?"));
    return false;
  }

  void check_option(const std::string& metric, const std::string& path, const std::string& option,
                    const Json& value) {
    const std::string at = std::string(path).append(".").append(option);
    const bool has_all = compares_texts(metric);
    const std::vector<std::string> known = has_all ? kOptions : std::vector<std::string>{"name"};
    if (!contains(kOptions, option)) {
      add(at, unknown_key(option, known, path + "."));
    } else if (!contains(known, option)) {
      add(at, "only exact_match and contains have it");
    } else if (!matches(option_schema(option), value)) {
      add(at, "found " + shown(value) + "; allowed: " + allowed_words(option_schema(option)));
    }
  }

  TaskType type_;
  bool written_;
};

MetricConfig metric_of(const Json& value) {
  MetricConfig metric;
  metric.metric = value.is_string() ? value.get<std::string>() : value.begin().key();
  metric.name = metric.metric;
  if (value.is_string()) return metric;
  const Json& options = value.begin().value();
  metric.name = options.value("name", metric.metric);
  if (options.contains("extract")) metric.extract = options["extract"].get<std::string>();
  metric.last = options.value("select", "first") == "last";
  if (options.contains("ignore")) metric.ignore = texts_of(options["ignore"]);
  metric.ignore_case = options.value("ignore_case", false);
  metric.ignore_punctuation = options.value("ignore_punctuation", false);
  return metric;
}

struct KnownMetric {
  std::string_view metric, unit;
  double maximum;  // 0: none
};
constexpr std::array kKnownMetrics{
    KnownMetric{"acc", "accuracy", 1},
    KnownMetric{"acc_norm", "accuracy", 1},
    KnownMetric{"acc_bytes", "accuracy", 1},
    KnownMetric{"exact_match", "exact match", 1},
    KnownMetric{"contains", "share of answers", 1},
    KnownMetric{"bleu", "BLEU", 100},
    KnownMetric{"chrf", "chrF", 100},
    KnownMetric{"perplexity", "perplexity", 0},
    KnownMetric{"word_perplexity", "perplexity a word", 0},
    KnownMetric{"byte_perplexity", "perplexity a byte", 0},
    KnownMetric{"bits_per_byte", "bits a byte", 0},
    KnownMetric{"loss", "nats per token", 0},
};

const KnownMetric* find_metric(const std::string& metric) {
  const auto found = std::ranges::find(kKnownMetrics, metric, &KnownMetric::metric);
  return found == kKnownMetrics.end() ? nullptr : &*found;
}

}  // namespace

std::vector<std::string> metric_names(TaskType type, bool written) {
  switch (type) {
    case TaskType::kPerplexity:
      return {"perplexity", "loss", "bits_per_byte"};
    case TaskType::kRolling:
      return {"word_perplexity", "byte_perplexity", "bits_per_byte"};
    case TaskType::kChoice:
      if (written) return {"acc"};
      return {"acc", "acc_norm", "acc_bytes"};
    case TaskType::kContinuation:
      return {"acc", "perplexity"};
    case TaskType::kGenerate:
      return {"exact_match", "contains", "bleu", "chrf"};
  }
  return {};
}

std::vector<std::string> default_metric_names(TaskType type, bool written) {
  if (type == TaskType::kGenerate) return {};
  std::vector<std::string> names = metric_names(type, written);
  std::erase(names, "acc_bytes");
  return names;
}

Field metrics_field(std::vector<MetricConfig>& metrics, const std::optional<TaskType>& type,
                    const bool& written) {
  const Json item = {{"anyOf", Json::array({{{"type", "string"}}, {{"type", "object"}}})}};
  Field field = make_field(
                    "metrics", {{"type", "array"}, {"minItems", 1}, {"items", item}},
                    "What is measured; the first metric is judged. Required for a generate task.",
                    [&metrics, &type](const Json& value, const fs::path&) {
                      if (!type) return;  // nothing has been checked
                      for (const Json& one : value) metrics.push_back(metric_of(one));
                    },
                    [] { return Json(); })
                    .allowing("a list of metrics, or of {metric: {options}}")
                    .required_if([&type] { return type == TaskType::kGenerate; });
  field.check = [&type, &written, allowed = field.allowed](const Json& value, const fs::path&) {
    if (!value.is_array() || value.empty()) {
      return std::vector<FieldProblem>{
          {"metrics", "found " + shown(value) + "; allowed: " + allowed}};
    }
    if (!type) return std::vector<FieldProblem>{};
    MetricsCheck check(*type, written);
    check.check(value);
    return std::move(check.problems);
  };
  return field;
}

std::vector<MetricConfig> default_metrics(TaskType type, bool written) {
  std::vector<MetricConfig> metrics;
  for (const std::string& name : default_metric_names(type, written)) {
    metrics.push_back({.metric = name, .name = name});
  }
  return metrics;
}

MetricConfig judged_metric(const TaskConfig& task) {
  // Written answers of a choice are right or wrong, whatever its likelihoods are measured by.
  if (task.type == TaskType::kChoice && task.written) return {.metric = "acc", .name = "acc"};
  const std::vector<MetricConfig> metrics =
      task.metrics.empty() ? default_metrics(task.type, task.written) : task.metrics;
  return metrics.empty() ? MetricConfig{} : metrics.front();
}

std::string metric_unit(const std::string& metric) {
  const KnownMetric* known = find_metric(metric);
  return known == nullptr ? metric : std::string(known->unit);
}

std::map<std::string, std::string> metric_units(const std::vector<TaskConfig>& tasks) {
  std::map<std::string, std::string> units;
  for (const TaskConfig& task : tasks) units[task.name] = metric_unit(judged_metric(task).metric);
  return units;
}

std::optional<double> metric_maximum(const std::string& metric) {
  const KnownMetric* known = find_metric(metric);
  return known == nullptr || known->maximum == 0 ? std::nullopt : std::optional(known->maximum);
}

}  // namespace expandft
