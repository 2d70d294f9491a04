#include "base/error.h"
#include "cli/output.h"
#include "cli/run_overview.h"
#include "cli/verbs.h"
#include "gguf/import.h"
#include "inspect/inspect_model.h"
#include "inspect/inspect_run.h"
#include "report/human.h"
#include "report/table.h"
#include "run/dry_run.h"
#include "run/open_model.h"
#include "run/prepared_run.h"

#include <algorithm>
#include <memory>
#include <string>
#include <utility>

#include <spdlog/fmt/fmt.h>

namespace expandft {
namespace {

struct InspectOptions {
  std::string directory, config;
  bool rank_layers = false;
  int memory_ranks = 0;  // 0: not asked
  bool json = false;
};

Json inspected(const fs::path& directory) {
  if (is_gguf_file(directory)) return inspect_gguf(directory);
  if (!is_folder(directory)) {
    throw input_error("no such directory", directory.string());
  }
  if (is_there(directory / "config.resolved.json")) return inspect_run(directory);
  if (is_there(directory / "adapter_config.json")) return inspect_adapter(directory);
  if (is_there(directory / "config.json")) return inspect_model(directory);
  throw input_error(
      "neither a model (config.json), an adapter (adapter_config.json) nor a run "
      "(config.resolved.json)",
      directory.string());
}

std::string value_text(const std::string& key, const Json& value) {
  if (value.is_null()) return "none";
  if (value.is_boolean()) return value.get<bool>() ? "yes" : "no";
  if (value.is_string()) return value.get<std::string>();
  if (value.is_number() && key.ends_with("bytes")) return human_bytes(value.get<double>());
  if (value.is_number_integer() && key == "parameters") return human_count(value.get<double>());
  if (value.is_array()) {
    std::string list;
    for (const Json& item : value) list += (list.empty() ? "" : ", ") + value_text({}, item);
    return list.empty() ? "none" : list;
  }
  return value.dump();
}

/// "tokenizer: adds bos  yes" for {"tokenizer": {"adds_bos": true}}.
void add_lines(Summary& summary, const Json& facts, const std::string& prefix) {
  for (const auto& [key, value] : facts.items()) {
    // A table of its own; the base's whole config.json and what programs need, which --json has.
    const bool is_for_programs = !prefix.empty() && key.starts_with("format");
    if (key == "parts" || key == "base_config" || is_for_programs) continue;
    std::string label = key == "weight_bytes" ? "size of the weights" : key;
    // "Q4_K" is a name as it is.
    if (prefix != "numbers by type: ") std::ranges::replace(label, '_', ' ');
    if (value.is_object()) {
      add_lines(summary, value, prefix + label + ": ");
    } else {
      summary.line(prefix + label, value_text(key, value));
    }
  }
}

std::string parts_table(const Json& parts) {
  using enum Table::Align;
  Table table({"part", "tensors", "parameters", "share"}, {kLeft, kRight, kRight, kRight});
  for (const Json& part : parts) {
    table.row({part.at("part"), part.at("tensors").dump(),
               human_count(part.at("parameters").get<double>()), percent(part.at("share"))});
  }
  return table.text();
}

/// How {"auto": N} would rank the layers of a run's model.
ExitCode show_ranking(const InspectOptions& options, const ProcessOptions& process) {
  if (options.config.empty() || !options.directory.empty()) {
    throw input_error("--rank-layers reads a run config, and no directory", "expandft inspect",
                      "expandft inspect --rank-layers --config run.json");
  }
  const auto ranking = rank_layers_of(load_run_config(options.config).run, process);
  if (options.json) {
    print_json(ranking_json(ranking));
  } else {
    print(ranking_table(ranking));
  }
  return ExitCode::kDone;
}

/// What each rank of a run would hold in memory; of the model, config.json is enough.
ExitCode show_memory(const InspectOptions& options, const ProcessOptions& process) {
  if (options.config.empty() || !options.directory.empty()) {
    throw input_error("--memory reads a run config, and no directory", "expandft inspect",
                      "expandft inspect --memory 8 --config run.json");
  }
  const int ranks = options.memory_ranks;
  const MemoryPlan plan = plan_memory(load_run_config(options.config).run, ranks);
  report_notices(plan.notices, process);
  double total = 0;
  Json json = Json::object();
  Table table(
      {ranks == 1 ? std::string("on one device") : fmt::format("on each of {} ranks", ranks),
       "bytes"},
      {Table::Align::kLeft, Table::Align::kRight});
  const auto add = [&](const std::string& what, double bytes) {
    total += bytes;
    json[what] = bytes;
    table.row({what, human_bytes(bytes)});
  };
  for (const MemoryItem& item : plan.state) add(std::string(item.what), item.bytes);
  add("activations of " + std::to_string(plan.micro_batch_tokens) + " tokens, about",
      plan.activations);
  table.row({"together", human_bytes(total)});
  if (options.json) {
    print_json({{"ranks", ranks}, {"bytes", json}, {"total_bytes", total}});
    return ExitCode::kDone;
  }
  print(describe(plan.expansion, plan.spec) + "\ncomputed in " +
        std::string(c10::toString(plan.dtype)) + "\n\n" + table.text());
  return ExitCode::kDone;
}

ExitCode run_inspect(const InspectOptions& options, const ProcessOptions& process) {
  if (options.rank_layers) return show_ranking(options, process);
  if (options.memory_ranks > 0) return show_memory(options, process);
  if (options.directory.empty()) {
    throw input_error("no directory is given", "expandft inspect", "expandft inspect DIR");
  }
  // A GGUF file is described as it is.
  const fs::path directory = is_gguf_file(options.directory)
                                 ? fs::path(options.directory)
                                 : fs::path(found_model(options.directory));
  const Json facts = inspected(directory);
  if (is_there(directory / "config.json")) report_notices(model_notices(directory), process);
  if (options.json) {
    print_json(facts);
    return ExitCode::kDone;
  }
  if (facts.at("kind") == "run") {
    print(run_overview(options.directory, facts));
    return ExitCode::kDone;
  }
  Summary summary;
  add_lines(summary, facts, "");
  print(summary.text());
  if (facts.contains("parts")) print("\n" + parts_table(facts.at("parts")));
  return ExitCode::kDone;
}

}  // namespace

void setup_inspect(CLI::App& app, Context& context) {
  CLI::App* command =
      add_command(app, context, "inspect",
                  "Describe a model, an adapter or a run directory, or a GGUF file: "
                  "family, sizes,\ntokenizer, expansion, status, and what loads it",
                  "expandft inspect runs/mathqa/merged\n"
                  "  expandft inspect --rank-layers --config run.json\n"
                  "  expandft inspect --memory 8 --config run.json");
  command->group("Look");
  const auto options = std::make_shared<InspectOptions>();
  command
      ->add_option("directory", options->directory, "Model, adapter or run directory, or GGUF file")
      ->type_name("DIR|FILE");
  CLI::Option* rank_layers = command->add_flag("--rank-layers", options->rank_layers,
                                               "Rank a run's layers by the gradients of their MLPs "
                                               "on its training data, relative to the weights");
  command
      ->add_option(
          "--memory", options->memory_ranks,
          "Estimate the memory that each of so many ranks needs to train a run; "
          "training.precision auto counts as on a GPU, training.micro_batch_size auto as 1")
      ->type_name("RANKS")
      ->check(CLI::Range(1, 65536))
      ->excludes(rank_layers);
  command->add_option("--config", options->config, "Run config, for --rank-layers and --memory")
      ->type_name("FILE");
  command->add_flag("--json", options->json, "As JSON, with exact numbers");
  command->callback([&context, options] {
    context.run = [&context, options] { return run_inspect(*options, context.global.process); };
  });
}

}  // namespace expandft
