#include "expansion/attach.h"

#include "base/error.h"
#include "expansion/expansion.h"

namespace expandft {

AdapterDirectory open_adapter(const fs::path& adapter, const ModelDirectory& base) {
  AdapterDirectory opened = AdapterDirectory::open(adapter);
  const std::string found = base.fingerprint();
  if (opened.info().base_fingerprint != found) {
    throw input_error("the adapter was trained on another base: it asks for fingerprint " +
                          opened.info().base_fingerprint + ", the model's is " + found,
                      adapter.string() + " on " + base.path().string(),
                      "give the base it was trained on: " + opened.info().base_model);
  }
  return opened;
}

void attach_adapter(Decoder& decoder, const ModelDirectory& base, const fs::path& adapter,
                    double strength) {
  if (!(strength >= 0 && strength <= 1)) {
    throw input_error("strength is " + std::to_string(strength) + "; expected 0 to 1",
                      "--strength");
  }
  const AdapterDirectory opened = open_adapter(adapter, base);
  const ExpansionPlan plan{opened.info().layers, opened.info().copies};
  const auto dtype = decoder.weights().embedding.scalar_type();
  expand(decoder, plan, adapter_copies(opened), dtype).set_strength(strength);
}

}  // namespace expandft
