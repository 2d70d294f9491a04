#include "run/retention_data.h"

#include "base/error.h"
#include "base/wording.h"
#include "chat/model_chat.h"
#include "data/prompt_rows.h"
#include "report/progress.h"

#include <algorithm>
#include <utility>

#include <spdlog/spdlog.h>

namespace expandft {
namespace {

std::int64_t longest_sample(const RunConfig& run, const DecoderSpec& spec) {
  return std::min(run.retention.sample_length, spec.max_positions);
}

/// Adds the data set's newest examples, those after `before`, as a text of its own.
void add_part(Dataset& data, std::size_t before, const DataSource& text) {
  data.parts.push_back({data.examples.size() - before, text.weight});
}

/// Texts that the base itself writes, at strength 0.
Dataset sample_from_base(const RunConfig& run, const RunBase& base, const Decoder& decoder,
                         const Adaptation& adaptation, bool quiet) {
  ProgressLine progress(quiet);
  const auto report = [&](std::int64_t done, std::int64_t total) {
    progress.counting("sampling from the base", done, total);
  };
  SelfTextOptions options{.samples = run.retention.samples,
                          .length = longest_sample(run, base.spec),
                          .end = base.tokenizer->eos(),
                          .seed = run.training.seed};
  const std::vector<TextPrompt>& prompts = base.retention_prompts;
  if (prompts.empty()) options.begin = begin_token(*base.tokenizer);
  adaptation.set_strength(0);
  Dataset data = prompts.empty() ? sample_self_text(decoder, options, report)
                                 : sample_continuations(decoder, options, prompts, report);
  adaptation.set_strength(1);
  progress.clear();
  spdlog::info(
      "retention: {} of {} in all, written by the base itself{}",
      counted(data.report.examples, "text"), counted(data.report.tokens, "token"),
      prompts.empty() ? "" : fmt::format(" after {}", counted(std::ssize(prompts), "prompt")));
  return data;
}

}  // namespace

std::vector<TextPrompt> read_retention_prompts(const RunConfig& run, const ModelDirectory& model,
                                               const DecoderSpec& spec, const Tokenizer& tokenizer,
                                               Notices& notices) {
  const fs::path& file = run.retention.prompts.value();
  const std::int64_t length = longest_sample(run, spec);
  UnreadFields unread;
  std::optional<ModelChat> chat;
  std::vector<TextPrompt> prompts;
  for (const PromptRow& row : read_prompt_rows(file, unread)) {
    TextPrompt prompt;
    if (const auto eos = tokenizer.eos()) prompt.ends.push_back(*eos);
    if (row.conversation) {
      if (!chat) chat.emplace(model.path(), run.data.chat_template, tokenizer);
      prompt.tokens = chat->prompt(*row.conversation, row.where).ids;
      for (const TokenId end : chat->end_tokens()) prompt.ends.push_back(end);
    } else {
      prompt.tokens = tokenizer.encode(row.text, {.bos = tokenizer.adds_bos()});
    }
    const std::int64_t count = std::ssize(prompt.tokens);
    if (count == 0) {
      throw input_error("the prompt has no tokens, and the tokenizer puts no BOS before it",
                        row.where, "give a prompt");
    }
    if (count >= length) {
      throw input_error(
          fmt::format("the prompt has {}; with its continuation a text has at most {}",
                      counted(count, "token"), length),
          row.where, "give a shorter prompt, or raise retention.sample_length");
    }
    prompts.push_back(std::move(prompt));
  }
  name_unread(unread, file, notices);
  if (std::ssize(prompts) > run.retention.samples) {
    notices.push_back(
        {.what = fmt::format("{} has {}, and retention.samples is {}: the last ones "
                             "are not used",
                             file.filename().string(), counted(std::ssize(prompts), "prompt"),
                             run.retention.samples),
         .where = "retention.samples",
         .hint = "raise it"});
    prompts.resize(static_cast<std::size_t>(run.retention.samples));
  }
  return prompts;
}

std::optional<Dataset> load_retention_files(const RunConfig& run, const Tokenizer& tokenizer,
                                            int threads) {
  if (!run.retention.uses_text()) return {};
  std::optional<Dataset> data;
  for (const DataSource& text : run.retention.text) {
    if (text.is_self()) continue;
    if (!data) data.emplace();
    const std::size_t before = data->examples.size();
    const DatasetReport report = append_dataset({.path = text.path,
                                                 .max_length = run.data.max_length,
                                                 .train_on_prompt = true,
                                                 .train_on_empty_reasoning = true,
                                                 .threads = threads},
                                                tokenizer, *data);
    name_unread(report.unread, text.path, data->notices);
    if (run.retention.text.size() > 1) add_part(*data, before, text);
    spdlog::info("{}: {}, {} for retention", text.path.filename().string(),
                 counted(report.examples, "sequence"), counted(report.tokens, "token"));
  }
  return data;
}

void add_self_written_text(const RunConfig& run, const RunBase& base, const Decoder& decoder,
                           const Adaptation& adaptation, const fs::path& file,
                           const RankGroup& group, bool quiet, std::optional<Dataset>& data) {
  if (!run.retention.samples_text()) return;
  std::optional<Dataset> texts;
  const bool is_kept = !file.empty();
  const bool is_saved = group.answer_of_first(group.is_first() && is_kept && is_there(file));
  if (group.is_first() && is_saved) {
    texts = read_self_text(file, base.spec.vocab);
  } else if (!is_saved && (group.is_first() || decoder.is_sharded())) {
    texts = sample_from_base(run, base, decoder, adaptation, quiet);
    if (group.is_first() && is_kept) write_self_text(file, *texts);
  }
  if (!group.is_alone()) {
    const Json own = group.is_first() ? self_text_json(*texts) : Json();
    const std::string of_first = group.text_of_first(own.dump());
    if (!group.is_first()) texts = parse_self_text(parse_json(of_first, "rank 0"));
  }
  if (!data) {
    data = std::move(texts);
    return;
  }
  const std::size_t before = data->examples.size();
  for (const Example& example : texts->examples) data->examples.push_back(example);
  data->report += texts->report;
  add_part(*data, before, *std::ranges::find_if(run.retention.text, &DataSource::is_self));
}

}  // namespace expandft
