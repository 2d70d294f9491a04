#pragma once

#include "base/files.h"
#include "checkpoint/adapter_directory.h"
#include "checkpoint/model_directory.h"
#include "expansion/expansion.h"
#include "model/decoder.h"

namespace expandft {

/// Opens an adapter and makes sure that it belongs to this base: an input error when its
/// fingerprint is another's, or when its sizes or biases are not the base's.
AdapterDirectory open_adapter(const fs::path& adapter, const ModelDirectory& base);

/// Expands a decoder of `base` with the adapter at a strength from 0 (the base) to 1 (as trained).
Expansion attach_adapter(Decoder& decoder, const ModelDirectory& base, const fs::path& adapter,
                         double strength);

}  // namespace expandft
