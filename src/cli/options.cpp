#include "cli/options.h"

#include "base/wording.h"
#include "config/budget_check.h"
#include "config/task_search.h"
#include "report/log.h"
#include "tasks/output_cache.h"

#include <chrono>
#include <sstream>

namespace expandft {
namespace {

Precision precision_of(const std::string& name) {
  if (name == "float32") return Precision::kFloat32;
  if (name == "bfloat16") return Precision::kBFloat16;
  if (name == "float16") return Precision::kFloat16;
  return Precision::kAuto;
}

Layout layout_of(const std::string& name) {
  for (const auto& [known, layout] : kLayoutNames) {
    if (name == known) return layout;
  }
  return Layout::kAuto;  // the option accepts no other name
}

}  // namespace

void add_global_options(CLI::App& command, GlobalOptions& options) {
  command.add_option("--device", options.process.device, "auto, cpu, cuda or cuda:N")
      ->type_name("NAME")
      ->capture_default_str()
      ->group("Global options");
  command
      .add_option("--threads", options.process.threads,
                  "CPU threads; 0: LibTorch's choice, one per core")
      ->type_name("N")
      ->capture_default_str()
      ->check(in_range(0, 4096))
      ->group("Global options");
  command.add_option("--log-level", options.log_level, "trace, debug, info, warn, error or off")
      ->type_name("LEVEL")
      ->capture_default_str()
      ->check(one_of({"trace", "debug", "info", "warn", "error", "off"}))
      ->group("Global options");
  command
      .add_flag("--quiet", options.process.quiet,
                "Show no progress, and log only warnings and errors")
      ->group("Global options");
  command
      .add_flag("--strict", options.process.strict,
                "Treat warnings about what expandft ignores in files, or what may not do what it "
                "seems to, as errors")
      ->group("Global options");
  command.set_help_flag("-h,--help", "Print this help")->group("Global options");
}

void add_set_option(CLI::App& command, std::vector<std::string>& overrides) {
  command
      .add_option("--set", overrides,
                  "Override a value of the config, for example training.learning_rate=2e-4; can be "
                  "repeated")
      ->type_name("KEY=VALUE")
      ->allow_extra_args(false);
}

void add_precision_option(CLI::App& command, Precision& precision) {
  command
      .add_option_function<std::string>(
          "--precision", [&precision](const std::string& name) { precision = precision_of(name); },
          "Compute in auto, float32, bfloat16 or float16; auto is float32 on a CPU and bfloat16 on "
          "a GPU")
      ->type_name("NAME")
      ->default_str("auto")
      ->check(one_of({"auto", "float32", "bfloat16", "float16"}));
}

CLI::Option* add_strength_option(CLI::App& command, Strength& strength) {
  return command
      .add_option_function<std::string>(
          "--strength",
          [&strength](const std::string& text) {
            const auto parsed = parse_strength(text);
            if (!parsed) {
              throw CLI::ValidationError(
                  "--strength", "found " + text +
                                    "; expected a number from 0 to 1, A:B, from the first layer to "
                                    "the last, or a list of one for each layer");
            }
            strength = *parsed;
          },
          "How much of the adapter to apply: 0 is the base model, 1 the tuned one; A:B changes "
          "linearly from A in the first layer to B in the last, and A,B,… is one for each layer")
      ->type_name("S")
      ->default_str("1");
}

void add_model_options(CLI::App& command, ModelSource& source) {
  CLI::Option* adapter =
      command.add_option("--adapter", source.adapter, "Adapter to attach to the model")
          ->type_name("DIR");
  add_strength_option(command, source.strength)->needs(adapter);
  add_precision_option(command, source.precision);
}

void add_layout_option(CLI::App& command, Layout& layout) {
  std::vector<std::string> names;
  for (const auto& [name, value] : kLayoutNames) names.emplace_back(name);
  command
      .add_option_function<std::string>(
          "--layout", [&layout](const std::string& name) { layout = layout_of(name); },
          "Layout of the written model: native (all layers grow), padded (zeros bring the other "
          "layers to the same width), remote-code (each layer has its own width; transformers "
          "needs trust_remote_code), deci (the same for llama.cpp), or auto: native if all layers "
          "grow, else padded")
      ->type_name("NAME")
      ->default_str("auto")
      ->check(one_of(names));
}

void add_format_options(CLI::App& command, FormatOptions& options) {
  std::vector<std::string> formats, types;
  for (const auto& [name, value] : kOutputFormatNames) formats.emplace_back(name);
  for (const auto& [name, value] : kGgufNumberTypeNames) types.emplace_back(name);
  command
      .add_option("--format", options.format,
                  "Format of the written model: huggingface, a directory, or gguf, a file for "
                  "llama.cpp. Default: gguf if the output ends in .gguf")
      ->type_name("NAME")
      ->check(one_of(formats));
  command
      .add_option(
          "--gguf-type", options.gguf_type,
          "Type of the matrices in a GGUF file: F32, F16, BF16, Q8_0, Q4_0, or auto, that of "
          "the checkpoint")
      ->type_name("TYPE")
      ->check(one_of(types));
}

OutputForm form_of(const FormatOptions& options, const std::string& output) {
  const bool is_named_so = fs::path(output).extension() == ".gguf";
  OutputForm form;
  if (options.format == "gguf" || (options.format.empty() && is_named_so)) {
    form.format = OutputFormat::kGguf;
  }
  if (form.is_gguf() != is_named_so) {
    throw input_error("found \"" + output + "\", expected a name that " +
                          (form.is_gguf() ? "ends" : "does not end") + " in .gguf",
                      "--output",
                      form.is_gguf() ? "a GGUF model is one file: --output model.gguf"
                                     : "leave --format out to write a GGUF file");
  }
  if (options.gguf_type.empty()) return form;
  if (!form.is_gguf()) {
    throw input_error("--gguf-type is for GGUF files, and the output is a directory", "--gguf-type",
                      "name the output model.gguf, or leave the option out");
  }
  for (const auto& [name, type] : kGgufNumberTypeNames) {
    if (options.gguf_type == name) form.gguf_type = type;
  }
  return form;
}

void add_force_option(CLI::App& command, AtomicDirectory::Existing& existing) {
  command.add_flag_callback(
      "--force", [&existing] { existing = AtomicDirectory::Existing::kReplaceOurs; },
      "Replace a model that expandft wrote to --output before; nothing else is ever replaced");
}

void add_task_data_option(CLI::App& command, std::vector<fs::path>& folders) {
  command
      .add_option("--task-data", folders, "Folder to search for the tasks' data; can be repeated")
      ->type_name("DIR")
      ->check(CLI::ExistingDirectory)
      ->allow_extra_args(false);
}

std::vector<std::string> named_tasks(const std::vector<std::string>& names) {
  std::vector<std::string> tasks;
  for (const std::string& name : names) {
    tasks.push_back(is_task_path(name) ? fs::absolute(name).string() : name);
  }
  return tasks;
}

void check_budgets(const DropBudgets& budgets, const std::vector<TaskConfig>& originals,
                   const std::string& where) {
  if (const auto problem = budget_problem(budgets, originals)) throw input_error(*problem, where);
}

DropBudgets read_budgets(const std::vector<std::string>& texts,
                         const std::vector<TaskConfig>& originals) {
  DropBudgets budgets;
  for (const std::string& text : texts) add_budget(text, "--max-drop", budgets);
  check_budgets(budgets, originals, "--max-drop");
  return budgets;
}

std::vector<CLI::Option*> add_measure_options(CLI::App& command, MeasureOptions& options) {
  CLI::Option* limit =
      command
          .add_option("--limit", options.limit, "Evaluate only the first N examples of each task")
          ->type_name("N")
          ->check(CLI::PositiveNumber);
  CLI::Option* cache =
      command
          .add_option("--cache", options.cache,
                      "Folder for cached outputs: none is computed twice, and an interrupted "
                      "evaluation resumes (default: ~/.cache/expandft)")
          ->type_name("DIR");
  CLI::Option* no_cache =
      command
          .add_flag("--no-cache", options.no_cache, "Compute everything again, and cache nothing")
          ->excludes(cache);
  return {limit, cache, no_cache};
}

std::optional<fs::path> cache_folder(const MeasureOptions& options) {
  if (options.no_cache) return std::nullopt;
  return options.cache.empty() ? default_cache_folder() : fs::path(options.cache);
}

void apply_limit(const MeasureOptions& options, std::vector<TaskConfig>& tasks) {
  if (options.limit == 0) return;
  for (TaskConfig& task : tasks) task.max_examples = options.limit;
}

void add_rank_options(CLI::App& command, RankOptions& options) {
  command
      .add_option("--rank-timeout", options.timeout,
                  "Under torchrun or srun: how long a rank waits for the others before it fails")
      ->type_name("SECONDS")
      ->capture_default_str()
      ->check(CLI::PositiveNumber);
}

JoinedRank join_job(const GlobalOptions& global, const RankOptions& options) {
  const RankEnvironment rank = rank_environment();
  const ProcessOptions process = options_of_rank(global.process, rank);
  if (rank.rank > 0) configure_logging(global.log_level, process.quiet);
  return {process, join_ranks(rank, process, std::chrono::seconds(options.timeout))};
}

CLI::Validator one_of(std::vector<std::string> values) {
  CLI::Validator validator("");
  validator.operation([values](std::string& found) -> std::string {
    std::string list;
    for (const std::string& value : values) {
      if (value == found) return {};
      list += (list.empty() ? "" : ", ") + value;
    }
    const std::string near = nearest(found, values);
    return "\"" + found + "\" is none of " + list +
           (near.empty() ? std::string() : "; did you mean " + near + "?");
  });
  return validator;
}

CLI::Validator in_range(double low, double high) {
  CLI::Validator validator("");
  validator.operation([low, high](std::string& found) -> std::string {
    double number = 0;
    if (!CLI::detail::lexical_cast(found, number)) return "\"" + found + "\" is no number";
    if (number >= low && number <= high) return {};
    std::ostringstream out;
    out.precision(15);
    out << found << " is not from " << low << " to " << high;
    return out.str();
  });
  return validator;
}

}  // namespace expandft
