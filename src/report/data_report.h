#pragma once

#include "base/json.h"
#include "data/packing.h"

#include <string>

namespace expandft {

/// A table for terminals with a line for each source, and one for all if there are several: rows,
/// sequences, tokens, lengths of the sequences, rows cut and tokens removed by truncation.
std::string data_table(const Dataset& dataset);
/// "1200 tokens (900 learned) in 40 sequences, 10 packs that are 93.8% full".
std::string describe(const EpochStatistics& epoch);

/// The same for summary.json; docs/formats.md lists the keys.
Json data_json(const Dataset& dataset);
Json epoch_json(const EpochStatistics& epoch);

}  // namespace expandft
