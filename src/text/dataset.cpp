#include "text/dataset.h"

#include "base/error.h"
#include "config/data_files.h"
#include "text/chat_rows.h"
#include "text/chat_template.h"
#include "text/example_builder.h"
#include "text/rows.h"
#include "text/text_file.h"

namespace expandft {
namespace {

DataForm form_of(const fs::path& file) {
  if (const auto form = data_form(file)) return *form;
  const std::string ending =
      (file.extension() == ".gz" ? file.stem() : file.filename()).extension().string();
  throw input_error("cannot tell the form of the data from the name's ending \"" + ending + "\"",
                    file.string(), std::string("expected ") + kDataEndings);
}

}  // namespace

DatasetReport& DatasetReport::operator+=(const DatasetReport& other) {
  rows += other.rows;
  examples += other.examples;
  tokens += other.tokens;
  targets += other.targets;
  truncated_rows += other.truncated_rows;
  truncated_tokens += other.truncated_tokens;
  conversations += other.conversations;
  unread += other.unread;
  return *this;
}

void name_unread(const UnreadFields& unread, const fs::path& source, Notices& notices) {
  if (unread.empty()) return;
  notices.push_back({"nothing reads the fields " + unread.text(), source.string(),
                     "take them out, or say with data.template how a row becomes text"});
}

Dataset load_dataset(const DatasetOptions& options, const Tokenizer& tokenizer) {
  Dataset dataset;
  const DatasetReport report = append_dataset(options, tokenizer, dataset);
  if (!options.completion) name_unread(report.unread, options.path, dataset.notices);
  return dataset;
}

DatasetReport append_dataset(const DatasetOptions& options, const Tokenizer& tokenizer,
                             Dataset& dataset) {
  const bool is_plain_text = form_of(options.path) == DataForm::kPlainText;
  const RowRenderer renderer(options);
  ExampleBuilder builder(options, tokenizer, dataset);
  if (is_plain_text) {
    if (options.prompt || options.completion) {
      throw input_error("a template needs rows with fields, and this is plain text",
                        options.path.string(),
                        "use JSON lines, or leave " + options.template_key + " out");
    }
    TextStream text(options.path);
    builder.add_stream(text);
  } else {
    std::optional<ChatFormat> format;  // looked up when a row needs it
    UnreadFields& unread = builder.unread();
    for_each_json_line(options.path, [&](const Json& row, std::int64_t line) {
      const std::string where = options.path.string() + ":" + std::to_string(line);
      if (renderer.has_template()) {
        builder.add_row(renderer.render(row, unread, where), line);
        return;
      }
      const RowForm form = row_form(row, where);
      check_row_fields(row, form, unread, where);
      if (form != RowForm::kChat) {
        builder.add_row(render_row(row, form, where), line);
        return;
      }
      const std::vector<ChatMessage> messages =
          read_messages(row, options.learn_prompt, unread, where);
      if (!format) format = chat_format_of(options.model, options.chat_format, tokenizer);
      builder.add_chat(messages, *format, where, line);
    });
  }
  return builder.finish();
}

}  // namespace expandft
