#pragma once

#include "config/run_config.h"
#include "data/dataset.h"

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

namespace expandft {

/// How a run reads a file of its data, but for the model's directory and templates of rows.
DatasetOptions dataset_options(const DataConfig& data, const fs::path& file);
/// Sets a template of rows. `key`: its name in errors.
void use_template(const TemplateConfig& text_template, const std::string& key,
                  DatasetOptions& options);

/// Loads the sources of "data.train" or "data.validation" (`key`), file by file, into one data set
/// whose parts have the sources' weights. A source's own template is used for all of its files.
/// data.template is used for the other JSON lines, or, if there are none, for plain text, which is
/// an error. `loaded` is called after each source. `threads` and `cache`: as in DatasetOptions.
/// Input errors: a source without files, what load_dataset refuses, and a weight that rounds to no
/// example.
Dataset load_sources(
    const std::vector<DataSource>& sources, const std::string& key, const RunConfig& run,
    const Tokenizer& tokenizer,
    const std::function<void(const DataSource& source, const SourceReport& report)>& loaded,
    int threads = 1, const std::optional<TokenCacheOptions>& cache = {});

}  // namespace expandft
