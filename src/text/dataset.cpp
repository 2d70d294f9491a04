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
  return *this;
}

Dataset load_dataset(const DatasetOptions& options, const Tokenizer& tokenizer) {
  Dataset dataset;
  append_dataset(options, tokenizer, dataset);
  return dataset;
}

DatasetReport append_dataset(const DatasetOptions& options, const Tokenizer& tokenizer,
                             Dataset& dataset) {
  const DataForm form = form_of(options.path);
  const RowRenderer renderer(options);
  ExampleBuilder builder(options, tokenizer, dataset);
  if (form == DataForm::kPlainText) {
    if (options.prompt || options.completion) {
      throw input_error("a template needs rows with fields, and this is plain text",
                        options.path.string(),
                        "use JSON lines, or leave " + options.template_key + " out");
    }
    TextStream text(options.path);
    builder.add_stream(text);
  } else {
    std::optional<ChatFormat> format;  // looked up when a row needs it
    for_each_json_line(options.path, [&](const Json& row, std::int64_t line) {
      const std::string where = options.path.string() + ":" + std::to_string(line);
      if (!renderer.is_chat(row)) {
        builder.add_row(renderer.render(row, where), line);
        return;
      }
      const std::vector<ChatMessage> messages = read_messages(row, where);
      if (!format) format = chat_format_of(options.model, options.chat_format, tokenizer);
      builder.add_chat(messages, *format, where, line);
    });
  }
  return builder.finish();
}

}  // namespace expandft
