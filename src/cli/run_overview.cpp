#include "cli/run_overview.h"

#include "base/wording.h"
#include "report/human.h"
#include "report/json_values.h"
#include "report/table.h"
#include "run/run_directory.h"

#include <cmath>
#include <optional>

#include <spdlog/fmt/fmt.h>

namespace expandft {
namespace {

using enum Table::Align;

Json at(const Json& run, const char* key) {
  return run.is_object() ? run.value(key, Json()) : Json();
}

/// "step 40 of 120".
std::string step_of_run(const Json& run) {
  const std::optional<double> step = number_at(run, "step"), all = number_at(run, "total_steps");
  if (!step) return "";
  return "step " + fixed(*step, 0) + (all ? " of " + fixed(*all, 0) : "");
}

std::string state_sentence(const Json& run) {
  const std::string state = text_at(run, "state"), step = step_of_run(run);
  const std::string after = step.empty() ? " before the first step" : " after " + step;
  if (state == "finished") return "finished" + (step.empty() ? "" : ", " + step);
  if (state == "running") return "running" + (step.empty() ? ", no step yet" : ", " + step);
  if (state == "interrupted") return "interrupted" + after;
  if (state == "trained") return "trained, " + step + "; the outputs are not all written";
  if (state == "diverged") {
    const Json diverged = at(run, "diverged");
    const std::optional<double> where = number_at(diverged, "step");
    return (where ? "step " + fixed(*where, 0) + ": " : "") + text_at(diverged, "what");
  }
  return "ended for an unknown reason" + after + ": killed, or a crash";
}

/// Of expansion.width: "copies of 12.5% of each MLP's neurons".
std::string width_words(const Json& width) {
  if (width.is_string()) return "copies of " + width.get<std::string>() + " of each MLP's neurons";
  if (width.is_number()) return "copies of " + width.dump() + " neurons of each MLP";
  return "copies of neurons, with " + at(width, "parameters").dump() + " parameters at most";
}

std::string method_sentence(const Json& run) {
  std::string text = text_at(run, "method");
  const Json expansion = at(run, "expansion");
  if (!expansion.is_object() || at(expansion, "layers").is_null()) return text;
  const Json layers = at(expansion, "layers");
  text += ", layers " + (layers.is_string() ? layers.get<std::string>() : layers.dump());
  if (const Json width = at(expansion, "width"); !width.is_null()) {
    return text + ", " + width_words(width);
  }
  if (const auto copies = number_at(expansion, "copies")) {
    text += ", " + counted(std::llround(*copies), "copy") + " of each MLP";
  }
  return text;
}

std::string loss_change(const std::optional<double>& before, const std::optional<double>& after) {
  if (!after) return "";
  return (before ? fixed(*before, 4) + " -> " : "") + fixed(*after, 4) + " nats per token";
}

/// Of steps as long as those so far.
std::optional<double> seconds_left(const Json& run, const Json& last) {
  const auto step = number_at(run, "step"), all = number_at(run, "total_steps");
  const auto tokens = number_at(last, "tokens"), speed = number_at(last, "tokens_per_second");
  if (!step || !all || !tokens || !speed || *step <= 0 || *speed <= 0) return {};
  return (*all - *step) * (*tokens / *step) / *speed;
}

std::string head(const Json& run) {
  const Json summary = at(run, "summary"), events = at(run, "last");
  const Json last = at(events, "train"), validation = at(events, "validation");
  Summary lines;
  lines.line("state", state_sentence(run));
  if (const std::string process = text_at(run, "process"); !process.empty()) {
    lines.line("process", process);
  }
  if (text_at(run, "state") == "running") {
    if (const auto left = seconds_left(run, last)) {
      lines.line("left", "about " + human_duration(*left));
    }
  }
  lines.line("model", text_at(run, "model"));
  lines.line("method", method_sentence(run));
  const Json strength = at(run, "strength");
  if (!strength.is_null()) {
    lines.line("strength", strength.is_number()   ? fmt::format("{:g}", strength.get<double>())
                           : strength.is_string() ? strength.get<std::string>()
                                                  : strength.dump());
  }
  const std::optional<double> loss = number_at(last, "loss");
  const std::string training =
      loss_change(number_at(summary, "first_loss"), loss ? loss : number_at(summary, "last_loss"));
  if (!training.empty()) lines.line("training loss", training);
  const std::string held_out =
      loss_change(number_at(summary, "validation_loss_before"), number_at(validation, "loss"));
  if (!held_out.empty()) {
    const std::optional<double> step = number_at(validation, "step");
    lines.line("validation", held_out + (step ? ", at step " + fixed(*step, 0) : "") +
                                 (at(validation, "best") == Json(true) ? ", the lowest" : ""));
  }
  if (const auto tokens = number_at(last, "tokens")) {
    const std::optional<double> speed = number_at(last, "tokens_per_second");
    lines.line("tokens",
               human_count(*tokens) + (speed ? ", " + human_count(*speed) + " per second" : ""));
  }
  return lines.text();
}

std::string change_text(const Json& task) {
  const auto base = number_at(task, "base"), tuned = number_at(task, "tuned");
  if (!base || !tuned) return "-";
  if (text_at(task, "metric") != "perplexity") return signed_fixed(*tuned - *base, 4);
  return *base == 0 ? "-" : signed_fixed(100 * (*tuned / *base - 1), 2) + "%";
}

std::string tasks_table(const Json& tasks) {
  if (!tasks.is_array() || tasks.empty()) return "";
  Table table({"task", "kind", "metric", "base", "tuned", "change", "verdict"},
              {kLeft, kLeft, kLeft, kRight, kRight, kRight, kLeft});
  for (const Json& task : tasks) {
    const auto value = [&](const char* key) {
      const std::optional<double> number = number_at(task, key);
      return number ? fixed(*number, text_at(task, "metric") == "perplexity" ? 3 : 4) : "-";
    };
    table.row({text_at(task, "task"), at(task, "original") == Json(true) ? "original" : "new",
               text_at(task, "metric"), value("base"), value("tuned"), change_text(task),
               text_at(task, "verdict")});
  }
  return "\n" + table.text();
}

std::string files_table(const Json& files) {
  if (!files.is_array() || files.empty()) return "";
  Table table({"file", "size", "what it is"}, {kLeft, kRight, kLeft});
  for (const Json& file : files) {
    table.row({text_at(file, "name"), human_bytes(number_at(file, "bytes").value_or(0)),
               text_at(file, "what")});
  }
  return "\n" + table.text();
}

std::string warnings_text(const Json& warnings) {
  if (!warnings.is_array() || warnings.empty()) return "";
  std::string text = "\nwarnings\n";
  for (const Json& warning : warnings) {
    text += "  - " + (warning.is_string() ? warning.get<std::string>() : warning.dump()) + "\n";
  }
  return text;
}

/// What can be done now.
std::string next_text(const fs::path& directory, const Json& run) {
  const std::string state = text_at(run, "state");
  Summary lines;
  if (is_file(directory / "report.html")) {
    lines.line("to read", (directory / "report.html").string());
  }
  if (state == "finished" && is_folder(directory / "merged")) {
    lines.line("to use", "expandft generate --model " +
                             shell_word((directory / "merged").string()) +
                             " --prompt \"Once upon a time\"");
  }
  const std::string command = text_at(run, "continue");
  if (state == "diverged") {
    lines.line("to continue", command + " --set training.learning_rate=… (lower than before)");
  } else if (!command.empty()) {
    lines.line("to continue", command);
  }
  const std::string text = lines.text();
  return text.empty() ? "" : "\n" + text;
}

}  // namespace

std::string run_overview(const fs::path& directory, const Json& run) {
  return head(run) + tasks_table(at(run, "tasks")) + files_table(at(run, "files")) +
         warnings_text(at(run, "warnings")) + next_text(directory, run);
}

}  // namespace expandft
