#include "data/row_reader.h"

#include "base/error.h"
#include "data/data_files.h"
#include "data/rows/chat_rows.h"
#include "data/rows/row_fields.h"
#include "data/text_file.h"

#include <string>

namespace expandft {
namespace {

DataForm form_of(const fs::path& file) {
  if (const auto form = data_form(file)) return *form;
  const std::string ending =
      (file.extension() == ".gz" ? file.stem() : file.filename()).extension().string();
  throw input_error(
      "cannot tell the format of the data from the file name's ending \"" + ending + "\"",
      file.string(), std::string("expected ") + kDataEndings);
}

}  // namespace

bool is_plain_text(const DatasetOptions& options) {
  if (form_of(options.path) != DataForm::kPlainText) return false;
  if (options.prompt || options.completion) {
    throw input_error("a template needs rows with fields, but this is plain text",
                      options.path.string(), "use JSON lines, or remove " + options.template_key);
  }
  return true;
}

RowReader::RowReader(const DatasetOptions& options, const Tokenizer& tokenizer)
    : options_(options), tokenizer_(tokenizer), renderer_(options), encoder_(options, tokenizer) {}

std::vector<EncodedRow> RowReader::read(std::string_view text, std::int64_t line,
                                        UnreadFields& unread) const {
  const std::string where = options_.path.string() + ":" + std::to_string(line);
  const Json row = parse_row(text, where);
  if (renderer_.has_template()) {
    return {encoder_.encode(renderer_.render(row, unread, where), line)};
  }
  const RowForm form = row_form(row, where);
  check_row_fields(row, form, unread, where);
  if (form != RowForm::kChat) return {encoder_.encode(render_row(row, form, where), line)};
  const Conversation conversation = read_conversation(row, options_.train_on_prompt, unread, where);
  return encoder_.encode(conversation, chat(), where, line);
}

const ModelChat& RowReader::chat() const {
  std::call_once(chat_known_,
                 [&] { chat_.emplace(options_.model, options_.chat_template, tokenizer_); });
  return *chat_;
}

}  // namespace expandft
