#include "base/error.h"
#include "cli/facts.h"
#include "cli/output.h"
#include "cli/run_page.h"
#include "cli/verbs.h"
#include "families/model_config.h"
#include "report/human.h"
#include "report/summary.h"
#include "report/table.h"
#include "run/open_model.h"
#include "run/train_setup.h"
#include "runtime/device.h"
#include "training/memory_estimate.h"

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

Json facts_of(const fs::path& directory) {
  if (!is_folder(directory)) {
    throw input_error("no such directory", directory.string());
  }
  if (is_there(directory / "config.resolved.json")) return run_facts(directory);
  if (is_there(directory / "adapter_config.json")) return adapter_facts(directory);
  if (is_there(directory / "config.json")) return model_facts(directory);
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
  if (value.is_number() && key == "parameters") return human_count(value.get<double>());
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
    std::ranges::replace(label, '_', ' ');
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

/// What of a model's files is not understood; nothing of what cannot be read at all, of which the
/// facts say so.
template <typename Read>
Notices notices_or_none(Read read) {
  try {
    return read();
  } catch (const Error&) {
    return {};
  }
}

Notices notices_of_model(const fs::path& directory) {
  Notices notices =
      notices_or_none([&] { return read_spec(ModelDirectory::open(directory)).notices; });
  return joined(std::move(notices),
                notices_or_none([&] { return Tokenizer::load(directory)->notices(); }));
}

/// What each rank of a run would hold in memory; of the model, config.json is enough.
ExitCode show_memory(const InspectOptions& options, const ProcessOptions& process) {
  if (options.config.empty() || !options.directory.empty()) {
    throw input_error("--memory reads a run config, and no directory", "expandft inspect",
                      "expandft inspect --memory 8 --config run.json");
  }
  const RunConfig run = load_run_config(options.config).run;
  const fs::path file = run.model / "config.json";
  const DecoderSpec spec = read_spec(read_json(file), file.string());
  report_notices(spec.notices, process);
  if (!run.method.widens() || run.expansion.layers.automatic(spec.layers)) {
    throw input_error(
        "the memory is known beforehand of listed layers, and of train new, "
        "zero-init and mlp",
        run.file.string(), "expandft train --dry-run measures it");
  }
  const ExpansionPlan plan =
      make_plan(run.expansion.layers, run.expansion.copies, spec, run.method.kind);
  const at::ScalarType dtype = compute_dtype(run.training.precision, at::kCUDA);
  const MemoryLayout layout{
      .ranks = options.memory_ranks,
      .shard_base = run.training.shard_base,
      .element_bytes = static_cast<std::int64_t>(at::elementSize(dtype)),
      .checkpointing = run.training.gradient_checkpointing,
      .tokens = sequences_at_once(run.training, options.memory_ranks) * run.data.max_length,
  };
  double total = 0;
  Json json = Json::object();
  const std::string where = layout.ranks == 1 ? std::string("on one device")
                                              : fmt::format("on each of {} ranks", layout.ranks);
  Table table({where, "bytes"}, {Table::Align::kLeft, Table::Align::kRight});
  const auto add = [&](const std::string& what, double bytes) {
    total += bytes;
    json[what] = bytes;
    table.row({what, human_bytes(bytes)});
  };
  for (const MemoryItem& item : state_memory(spec, count_trained_parameters(plan, spec), layout)) {
    add(std::string(item.what), item.bytes);
  }
  add("activations of " + std::to_string(layout.tokens) + " tokens, about",
      activation_bytes(spec, plan, layout));
  table.row({"together", human_bytes(total)});
  if (options.json) {
    print_json({{"ranks", layout.ranks}, {"bytes", json}, {"total_bytes", total}});
    return ExitCode::kDone;
  }
  print(describe(plan, spec) + "\ncomputed in " + std::string(c10::toString(dtype)) + "\n\n" +
        table.text());
  return ExitCode::kDone;
}

ExitCode run_inspect(const InspectOptions& options, const ProcessOptions& process) {
  if (options.rank_layers) return show_ranking(options, process);
  if (options.memory_ranks > 0) return show_memory(options, process);
  if (options.directory.empty()) {
    throw input_error("no directory is given", "expandft inspect", "expandft inspect DIR");
  }
  const fs::path directory = found_model(options.directory);
  const Json facts = facts_of(directory);
  if (is_there(directory / "config.json")) report_notices(notices_of_model(directory), process);
  if (options.json) {
    print_json(facts);
    return ExitCode::kDone;
  }
  if (facts.at("kind") == "run") {
    print(run_page(options.directory, facts));
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
                  "Say what a model, an adapter or a run directory is: family, sizes, tokenizer,\n"
                  "expansion, status, and where it loads",
                  "expandft inspect runs/mathqa/merged\n"
                  "  expandft inspect --rank-layers --config run.json\n"
                  "  expandft inspect --memory 8 --config run.json");
  command->group("Look");
  const auto options = std::make_shared<InspectOptions>();
  command->add_option("directory", options->directory, "Model, adapter or run directory")
      ->type_name("DIR");
  CLI::Option* rank_layers =
      command->add_flag("--rank-layers", options->rank_layers,
                        "Rank a run's layers by how much its training data wants to change their "
                        "MLPs");
  command
      ->add_option("--memory", options->memory_ranks,
                   "Say what each of so many ranks would hold in memory as a run trains, on GPUs "
                   "unless its training.precision says otherwise")
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
