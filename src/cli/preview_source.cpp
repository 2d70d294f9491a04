#include "cli/preview_source.h"

#include "base/error.h"
#include "cli/options.h"
#include "config/run_config.h"
#include "data/data_files.h"
#include "data/sources.h"

#include <algorithm>

#include <spdlog/spdlog.h>

namespace expandft {
namespace {

/// The file as the run reads it; without a name the first file of the run's data.
PreviewSource source_of_run(const PreviewSourceOptions& options) {
  const RunConfig run = load_run_config(options.config, options.overrides).run;
  const std::vector<DataSource>& sources = run.data.train;
  // A file that is in no source of the run is read with the settings for all sources.
  std::size_t index = 0;
  if (!options.file.empty()) {
    const auto found = std::ranges::find_if(
        sources, [&](const DataSource& one) { return contains(one.path, options.file); });
    index = static_cast<std::size_t>(found - sources.begin());
  }
  const bool is_of_run = index < sources.size();
  PreviewSource source{run.model.string(), dataset_options(run.data, options.file)};
  DatasetOptions& data = source.data;
  if (options.file.empty()) {
    try {
      data.path = find_data_files(sources[index].path).front();
    } catch (const Error& error) {
      throw input_error(error.message(), source_key("data.train", sources, index), error.hint());
    }
    spdlog::info("data.train begins with {}", data.path.string());
  }
  if (is_of_run && sources[index].text_template) {
    use_template(*sources[index].text_template,
                 source_key("data.train", sources, index) + ".template", data);
  } else if (run.data.text_template && data_form(data.path) != DataForm::kPlainText) {
    use_template(*run.data.text_template, "data.template", data);
  }
  return source;
}

}  // namespace

void add_preview_source_options(CLI::App& command, PreviewSourceOptions& options) {
  command
      .add_option("data", options.file,
                  "Data file: conversations, prompts and completions, instructions or text. With "
                  "--config the default is the first file of data.train")
      ->type_name("FILE");
  CLI::Option_group* source = command.add_option_group("Source", "One of them:");
  source->add_option("--model", options.model, "Model directory, or GGUF file")
      ->type_name("DIR|FILE");
  CLI::Option* config = source
                            ->add_option("--config", options.config,
                                         "Run config, whose model, data and data settings are used")
                            ->type_name("FILE");
  source->require_option(1);
  add_set_option(command, options.overrides);
  command.get_option("--set")->needs(config);
  command
      .add_option(
          "--chat-template", options.chat_template,
          "The template that writes conversations, as data.chat_template: a file, or a name "
          "(default: the config's, or auto)")
      ->type_name("NAME|FILE");
  command
      .add_option("--max-length", options.max_length,
                  "The most tokens of a sequence, as data.max_length (default: the config's, or "
                  "1024)")
      ->type_name("N")
      ->check(in_range(2, 1 << 20));
  command.add_flag("--train-on-prompt", options.train_on_prompt,
                   "Learn prompts too, as data.train_on_prompt");
  command.add_flag("--train-on-empty-reasoning", options.train_on_empty_reasoning,
                   "Learn empty blocks of reasoning too, as data.train_on_empty_reasoning");
}

PreviewSource preview_source(const PreviewSourceOptions& options) {
  PreviewSource source{options.model, {.path = options.file}};
  if (!options.config.empty()) {
    source = source_of_run(options);
  } else if (options.file.empty()) {
    throw input_error("no data file is given", "expandft chat-preview",
                      "expandft chat-preview --model DIR rows.jsonl");
  }
  DatasetOptions& data = source.data;
  if (options.chat_template) data.chat_template = *options.chat_template;
  if (options.max_length) data.max_length = *options.max_length;
  data.train_on_prompt = data.train_on_prompt || options.train_on_prompt;
  data.train_on_empty_reasoning = data.train_on_empty_reasoning || options.train_on_empty_reasoning;
  return source;
}

}  // namespace expandft
