#pragma once

#include "config/run_config.h"
#include "data/dataset.h"

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

namespace expandft {

/// Loads the sources of "data.train" or "data.validation" (`key`), file after file, into one data
/// set whose parts have the sources' weights. A source's own template holds for all of its files;
/// data.template holds for the JSON lines among the others, and for plain text (an error) when
/// there are none. So many threads encode. Input error for a source without files, for all that
/// load_dataset refuses, and for a weight that rounds to no example at all. `loaded` hears of each
/// source in turn.
Dataset load_sources(
    const std::vector<DataSource>& sources, const std::string& key, const RunConfig& run,
    const Tokenizer& tokenizer,
    const std::function<void(const DataSource& source, const SourceReport& report)>& loaded,
    int threads = 1);

}  // namespace expandft
