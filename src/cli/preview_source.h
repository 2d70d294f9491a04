#pragma once

#include "data/dataset.h"

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include <CLI/CLI.hpp>

namespace expandft {

/// Which rows `chat-preview` reads, and how, as the command line says it.
struct PreviewSourceOptions {
  std::string model, config, file;     // model or config
  std::vector<std::string> overrides;  // of the config
  std::optional<std::string> chat_template;
  std::optional<std::int64_t> max_length;
  bool train_on_prompt = false, train_on_empty_reasoning = false;
};
void add_preview_source_options(CLI::App& command, PreviewSourceOptions& options);

/// A data file as training would read it, but for DatasetOptions::model, and the model's name.
struct PreviewSource {
  std::string model;  // directory, hub name or GGUF file
  DatasetOptions data;
};
/// With a config a file is read as the run reads it, by default the first file of the run's data.
/// Input errors: those of load_run_config, a source without files, and no file at all.
PreviewSource preview_source(const PreviewSourceOptions& options);

}  // namespace expandft
