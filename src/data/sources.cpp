#include "data/sources.h"

#include "base/error.h"
#include "base/wording.h"
#include "data/data_files.h"
#include "data/packing.h"

#include <algorithm>
#include <utility>

#include <spdlog/fmt/fmt.h>

namespace expandft {
namespace {

struct FoundSource {
  const DataSource& source;
  std::string key;
  std::vector<fs::path> files;
};

/// Finds all files before the first is read.
std::vector<FoundSource> find_all(const std::vector<DataSource>& sources, const std::string& key) {
  std::vector<FoundSource> found;
  for (std::size_t i = 0; i < sources.size(); ++i) {
    std::string at = source_key(key, sources, i);
    try {
      found.push_back({sources[i], at, find_data_files(sources[i].path)});
    } catch (const Error& error) {
      throw input_error(error.message(), at, error.hint());
    }
  }
  return found;
}

bool has_rows(const std::vector<FoundSource>& sources) {
  return std::ranges::any_of(sources, [](const FoundSource& one) {
    return std::ranges::any_of(
        one.files, [](const fs::path& file) { return data_form(file) == DataForm::kJsonLines; });
  });
}

}  // namespace

DatasetOptions dataset_options(const DataConfig& data, const fs::path& file) {
  return {.path = file,
          .max_length = data.max_length,
          .train_on_prompt = data.train_on_prompt,
          .chat_template = data.chat_template,
          .train_on_empty_reasoning = data.train_on_empty_reasoning};
}

void use_template(const TemplateConfig& text_template, const std::string& key,
                  DatasetOptions& options) {
  options.prompt = text_template.prompt;
  options.completion = text_template.completion;
  options.template_key = key;
}

Dataset load_sources(
    const std::vector<DataSource>& sources, const std::string& key, const RunConfig& run,
    const Tokenizer& tokenizer,
    const std::function<void(const DataSource& source, const SourceReport& report)>& loaded,
    int threads, const std::optional<TokenCacheOptions>& cache) {
  const DataConfig& data = run.data;
  const std::vector<FoundSource> found = find_all(sources, key);
  const bool rows_have_template = has_rows(found);
  Dataset whole;
  for (const auto& [source, at, files] : found) {
    SourceReport report{.path = source.path, .weight = source.weight};
    for (const fs::path& file : files) {
      DatasetOptions options = dataset_options(data, file);
      options.model = run.model_directory;
      options.threads = threads;
      options.cache = cache;
      const bool is_rows = data_form(file) != DataForm::kPlainText;
      if (source.text_template) {
        use_template(*source.text_template, at + ".template", options);
        report.has_template = true;
      } else if (data.text_template && (is_rows || !rows_have_template)) {
        use_template(*data.text_template, "data.template", options);
        report.has_template = true;
      }
      report.rows += append_dataset(options, tokenizer, whole);
      report.file_paths.push_back(file);
    }
    whole.parts.push_back({static_cast<std::size_t>(report.rows.examples), source.weight});
    report.drawn = drawn_examples(whole.parts.back());
    if (report.drawn == 0) {
      throw input_error(fmt::format("a weight of {} draws none of the source's {} in an epoch",
                                    source.weight, counted(report.rows.examples, "example")),
                        at + ".weight", "raise the weight, or remove the source");
    }
    if (!report.has_template) name_unread(report.rows.unread, source.path, whole.notices);
    loaded(source, report);
    whole.sources.push_back(std::move(report));
  }
  const bool is_even =
      std::ranges::all_of(whole.parts, [](auto& part) { return part.weight == 1; });
  if (is_even) whole.parts.clear();  // then the sources' borders do not matter
  return whole;
}

}  // namespace expandft
