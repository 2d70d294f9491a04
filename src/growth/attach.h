#pragma once

#include "base/files.h"
#include "checkpoint/adapter_directory.h"
#include "checkpoint/model_directory.h"
#include "growth/expansion.h"
#include "model/decoder.h"

namespace expandft {

ExpansionPlan plan_of(const AdapterInfo& info);

/// Opens an adapter and checks that it belongs to this base: input error when the fingerprint, the
/// sizes or the biases do not match.
AdapterDirectory open_adapter(const fs::path& adapter, const ModelDirectory& base);

/// Expands a decoder of `base` with the adapter, at strength 1. Errors as open_adapter.
Expansion attach_adapter(Decoder& decoder, const ModelDirectory& base, const fs::path& adapter);

}  // namespace expandft
