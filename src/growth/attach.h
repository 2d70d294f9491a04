#pragma once

#include "base/files.h"
#include "checkpoint/adapter_directory.h"
#include "checkpoint/model_directory.h"
#include "growth/expansion.h"
#include "model/decoder.h"

namespace expandft {

ExpansionPlan plan_of(const AdapterInfo& info);

/// Opens an adapter and makes sure that it belongs to this base: an input error when its
/// fingerprint is another's, or when its sizes or biases are not the base's.
AdapterDirectory open_adapter(const fs::path& adapter, const ModelDirectory& base);

/// Expands a decoder of `base` with the adapter, at strength 1. Errors as open_adapter's.
Expansion attach_adapter(Decoder& decoder, const ModelDirectory& base, const fs::path& adapter);

}  // namespace expandft
