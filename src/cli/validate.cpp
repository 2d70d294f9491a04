#include "base/wording.h"
#include "cli/output.h"
#include "cli/verbs.h"
#include "run/validate_config.h"

#include <cstdio>
#include <memory>
#include <string>
#include <vector>

namespace expandft {
namespace {

struct ValidateOptions {
  std::vector<std::string> configs;
  std::vector<std::string> overrides;
  bool skip_data = false;
  bool json = false;
};

Json verdict_json(const std::string& file, const ConfigFindings& findings) {
  Json json = {{"config", file}, {"ok", findings.problems.empty()}};
  if (!findings.problems.empty()) {
    const Error error = findings.problems.all();
    json["error"] = {{"what", error.message()}, {"where", error.where()}, {"hint", error.hint()}};
  }
  if (!findings.notices.empty()) json["warnings"] = notice_texts(findings.notices);
  return json;
}

void print_verdict(const std::string& file, const ConfigFindings& findings) {
  print((findings.problems.empty() ? "ok     " : "wrong  ") + file + "\n");
  flush_output();
  for (const std::string& text : notice_texts(findings.notices)) {
    std::fprintf(stderr, "warning: %s: %s\n", file.c_str(), printable(text).c_str());
  }
  if (!findings.problems.empty()) {
    std::fprintf(stderr, "error: %s\n", findings.problems.all().what());
  }
}

/// Goes on to the other files after a bad one. Verdicts go to stdout, the first of them included.
ExitCode run_validate(const ValidateOptions& options, const ProcessOptions& process) {
  set_threads(process);
  Json verdicts = Json::array();
  bool all_good = true;
  for (const std::string& file : options.configs) {
    ConfigFindings findings = validate_config(file, options.overrides, options.skip_data);
    if (process.strict && !findings.notices.empty()) {
      findings.problems.add(strict_error(findings.notices));
      findings.notices.clear();
    }
    all_good = all_good && findings.problems.empty();
    if (options.json) {
      verdicts.push_back(verdict_json(file, findings));
    } else {
      print_verdict(file, findings);
    }
  }
  if (options.json) print_json(verdicts);
  return all_good ? ExitCode::kDone : ExitCode::kBadInput;
}

}  // namespace

void setup_validate(CLI::App& app, Context& context) {
  CLI::App* command = add_command(
      app, context, "validate",
      "Check run configs as train does before it loads weights: every key and value, that "
      "files\nexist, the model's shape, all rows of the data and of the tasks, budgets",
      "expandft validate configs/*.json");
  command->group("Look");
  const auto options = std::make_shared<ValidateOptions>();
  command->add_option("config", options->configs, "Run configs")->required()->type_name("CONFIG");
  add_set_option(*command, options->overrides);
  command->add_flag(
      "--skip-data", options->skip_data,
      "Check only that data files exist, and do not read their rows, which can take long");
  command->add_flag("--json", options->json, "Verdicts as JSON");
  command->callback([&context, options] {
    context.run = [&context, options] { return run_validate(*options, context.global.process); };
  });
}

}  // namespace expandft
