#include "base/error.h"
#include "base/wording.h"
#include "cli/output.h"
#include "cli/preview_source.h"
#include "cli/verbs.h"
#include "data/data_files.h"
#include "data/preview.h"
#include "gguf/import.h"
#include "pages/chat_page.h"
#include "report/terminal.h"
#include "run/open_model.h"

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <optional>
#include <string>
#include <unistd.h>
#include <utility>
#include <vector>

#include <spdlog/fmt/fmt.h>
#include <spdlog/spdlog.h>

namespace expandft {
namespace {

struct ChatPreviewOptions {
  PreviewSourceOptions source;
  PreviewRange range = {.from = 1, .count = 3};
  bool tokens = false, json = false;
  std::string html;
};

/// "row 2 (line 3), sequence 1 of 2: 57 tokens, 12 learned; 8 tokens dropped to fit 64"
std::string heading_of(const PreviewedRow& row, std::size_t index, const DatasetOptions& data) {
  std::string heading = data_form(data.path) == DataForm::kPlainText
                            ? fmt::format("block {}", row.row)
                            : fmt::format("row {} (line {})", row.row, row.line);
  if (row.error) return heading + ": refused";
  if (row.sequences.size() > 1) {
    heading += fmt::format(", sequence {} of {}", index + 1, row.sequences.size());
  }
  const Example& example = row.sequences[index];
  heading += fmt::format(": {}, {} learned", counted(std::ssize(example.tokens), "token"),
                         std::ranges::count(example.learned, 1));
  if (row.dropped[index] > 0) {
    heading += fmt::format("; {} dropped to fit {}", counted(row.dropped[index], "token"),
                           data.max_length);
  }
  return heading;
}

Json sequence_json(const PreviewedRow& row, std::size_t index, const DatasetOptions& data,
                   const Tokenizer& tokenizer) {
  const char* const place = data_form(data.path) == DataForm::kPlainText ? "block" : "line";
  Json json = {{place, row.line}};
  if (row.error) {
    json["error"] = {
        {"what", row.error->message()}, {"where", row.error->where()}, {"hint", row.error->hint()}};
    return json;
  }
  const Example& example = row.sequences[index];
  Json pieces = Json::array();
  for (const TokenId id : example.tokens) pieces.push_back(tokenizer.token(id));
  json["tokens"] = example.tokens;
  json["learned"] = example.learned;
  json["pieces"] = std::move(pieces);
  json["text"] = tokenizer.decode(example.tokens, false);
  json["dropped"] = row.dropped[index];
  return json;
}

/// Whether stdout is a terminal that shows colours, and the user wants them.
bool stdout_takes_colors() {
  const auto variable = [](const char* name) {
    const char* const value = std::getenv(name);
    return std::string(value == nullptr ? "" : value);
  };
  const std::string terminal = variable("TERM");
  return ::isatty(STDOUT_FILENO) == 1 && !terminal.empty() && terminal != "dumb" &&
         variable("NO_COLOR").empty();
}

/// Text whose escape sequences are this program's own.
void print_highlighted(const std::string& text) {
  if (std::fwrite(text.data(), 1, text.size(), stdout) == text.size()) return;
  throw failure("results cannot be written: " + system_message(errno), "stdout");
}

/// Shows sequences as text, cells or JSON as they come, or collects them for a page.
class PreviewOutput {
 public:
  PreviewOutput(const ChatPreviewOptions& options, const DatasetOptions& data,
                const Tokenizer& tokenizer)
      : options_(options),
        data_(data),
        tokenizer_(tokenizer),
        highlight_(stdout_takes_colors() ? Highlight::kColors : Highlight::kBrackets) {}

  void add(const PreviewedRow& row) {
    const std::size_t count = std::max<std::size_t>(row.sequences.size(), 1);
    for (std::size_t i = 0; i < count; ++i) {
      if (options_.json) {
        print_json_line(sequence_json(row, i, data_, tokenizer_));
        continue;
      }
      ShownSequence shown{.heading = heading_of(row, i, data_)};
      if (row.error) {
        shown.error = row.error->what();
      } else {
        shown.tokens = token_texts(row.sequences[i], tokenizer_);
      }
      if (options_.html.empty()) {
        show(shown);
      } else {
        page_.push_back(std::move(shown));
      }
    }
  }

  void finish(const std::string& model) const {
    if (options_.html.empty()) return;
    const Facts facts = {{"Data", data_.path.string()}, {"Model", model}};
    write_file_atomically(options_.html, chat_page(facts, page_));
    spdlog::info("{}: {}", options_.html, counted(std::ssize(page_), "sequence"));
  }

 private:
  void show(const ShownSequence& shown) {
    const bool colors = highlight_ == Highlight::kColors;
    if (!std::exchange(begun_, true)) print_highlighted(highlight_legend(highlight_));
    print_highlighted(colors ? "\n\033[1m" + shown.heading + "\033[0m\n"
                             : "\n" + shown.heading + "\n");
    if (!shown.error.empty()) return print("error: " + shown.error + "\n");
    print_highlighted(options_.tokens ? token_cells(shown.tokens, highlight_, terminal_columns())
                                      : highlighted_text(shown.tokens, highlight_));
  }

  const ChatPreviewOptions& options_;
  const DatasetOptions& data_;
  const Tokenizer& tokenizer_;
  Highlight highlight_;
  bool begun_ = false;
  std::vector<ShownSequence> page_;
};

ExitCode run_chat_preview(const ChatPreviewOptions& options, const ProcessOptions& process) {
  PreviewSource source = preview_source(options.source);
  DatasetOptions& data = source.data;
  std::optional<UnpackedTokenizer> unpacked;
  if (is_gguf_file(source.model)) unpacked.emplace(source.model);
  data.model = unpacked ? unpacked->folder() : fs::path(found_model(source.model));
  const auto tokenizer = Tokenizer::load(data.model);
  report_notices(tokenizer->notices(), process);

  PreviewOutput output(options, data, *tokenizer);
  UnreadFields unread;
  std::int64_t rows = 0, refused = 0;
  preview_rows(data, *tokenizer, options.range, [&](const PreviewedRow& row) {
    output.add(row);
    unread += row.unread;
    ++rows;
    refused += row.error ? 1 : 0;
  });
  if (rows == 0) {
    throw input_error("there are no rows from " + std::to_string(options.range.from) + " on",
                      data.path.string());
  }
  output.finish(source.model);
  flush_output();
  Notices notices;
  name_unread(unread, data.path, notices);
  report_notices(notices, process);
  if (refused > 0) {
    throw input_error(
        fmt::format("training would refuse {} of the {} shown", counted(refused, "row"), rows),
        data.path.string());
  }
  return ExitCode::kDone;
}

}  // namespace

void setup_chat_preview(CLI::App& app, Context& context) {
  CLI::App* command = add_command(
      app, context, "chat-preview",
      "Show rows of a data file as the model will read them, token by token, and which of them "
      "are\nlearned. Rows that training would refuse are shown with the reason",
      "expandft chat-preview --model models/Qwen3-0.6B chats.jsonl\n"
      "  expandft chat-preview --config run.json --rows 20 --html rows.html");
  command->group("Use");
  const auto options = std::make_shared<ChatPreviewOptions>();
  add_preview_source_options(*command, options->source);
  command->add_option("--rows", options->range.count, "How many rows to show")
      ->type_name("N")
      ->capture_default_str()
      ->check(in_range(1, 1 << 30));
  command
      ->add_option("--from", options->range.from,
                   "The line to begin at; of plain text, the block of max-length tokens")
      ->type_name("N")
      ->capture_default_str()
      ->check(in_range(1, 1 << 30));
  CLI::Option* tokens =
      command->add_flag("--tokens", options->tokens, "Show each token in a cell, with its id");
  CLI::Option* html =
      command
          ->add_option("--html", options->html,
                       "Write an HTML page in which each token has its id; print nothing")
          ->type_name("FILE")
          ->excludes(tokens);
  command
      ->add_flag("--json", options->json,
                 R"(A line for each sequence: {"line", "tokens", "learned", "pieces", "text", )"
                 R"("dropped"}, or {"line", "error"})")
      ->excludes(tokens)
      ->excludes(html);
  command->callback([&context, options] {
    context.run = [&context, options] {
      return run_chat_preview(*options, context.global.process);
    };
  });
}

}  // namespace expandft
