#pragma once

#include "base/json.h"
#include "data/packing.h"

#include <string>

namespace expandft {

/// A line a source, and one for all where there are several: rows, sequences, tokens, the lengths
/// of the sequences, and what truncation took. For terminals.
std::string data_table(const Dataset& dataset);
/// "1200 tokens (900 learned) in 40 sequences, 10 packs that are 93.8% full".
std::string describe(const EpochStatistics& epoch);

/// The same for summary.json; docs/formats.md lists the keys.
Json data_json(const Dataset& dataset);
Json epoch_json(const EpochStatistics& epoch);

}  // namespace expandft
