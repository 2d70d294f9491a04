#include "catch.h"
#include "export/verification.h"
#include "golden.h"

namespace expandft {
namespace {

TEST_CASE("an expanded model is its base bit for bit at step 0") {
  const std::string model = GENERATE(from_range(golden_models()));
  const at::ScalarType dtype = GENERATE(at::kFloat, at::kHalf, at::kBFloat16);
  const std::int64_t copies = GENERATE(2, 3);
  CAPTURE(model, c10::toString(dtype), copies);
  const Golden golden(model);
  Decoder decoder = Decoder::load(golden.directory(), dtype, at::kCPU);
  const TokenTensors tokens = to_device(golden.batch(), at::kCPU);
  const at::Tensor base = probe_logits(decoder, tokens);
  // Copies in the model's own dtype, and as fp32 masters.
  const at::ScalarType copy_dtype = GENERATE(at::kFloat, at::kBFloat16);
  if (copy_dtype != at::kFloat && copy_dtype != dtype) return;
  const ExpansionPlan plan{{0, decoder.spec().layers - 1}, copies};
  expand(decoder, plan, initial_tensors(golden.directory(), decoder.spec(), plan), copy_dtype);
  const LogitDifference difference = compare_logits(base, probe_logits(decoder, tokens));
  CHECK(difference.identical);
  CHECK(difference.scale > 0.1);
}

TEST_CASE("strength 0 is the base bit for bit for any copies") {
  const at::ScalarType dtype = GENERATE(at::kFloat, at::kHalf, at::kBFloat16);
  const Golden golden("bias");
  Decoder decoder = Decoder::load(golden.directory(), dtype, at::kCPU);
  const TokenTensors tokens = to_device(golden.batch(), at::kCPU);
  const at::Tensor base = probe_logits(decoder, tokens);
  const ExpansionPlan plan{{0, 1}, 3};
  Expansion expansion =
      expand(decoder, plan, initial_tensors(golden.directory(), decoder.spec(), plan), at::kFloat);
  for (const auto& [name, tensor] : expansion.tensors()) at::Tensor(tensor).add_(0.05);
  CHECK_FALSE(compare_logits(base, probe_logits(decoder, tokens)).identical);
  expansion.set_strength(0);
  CHECK(compare_logits(base, probe_logits(decoder, tokens)).identical);
}

TEST_CASE("at step 0, token-by-token generation is the base's too") {
  const Golden golden("gqa");
  Decoder base = Decoder::load(golden.directory(), at::kFloat, at::kCPU);
  Decoder grown = Decoder::load(golden.directory(), at::kFloat, at::kCPU);
  const ExpansionPlan plan{{0, 1, 2}, 2};
  expand(grown, plan, initial_tensors(golden.directory(), grown.spec(), plan), at::kFloat);
  KvCache base_cache(base.spec()), grown_cache(grown.spec());
  for (std::int64_t id = 5; id < 15; ++id) {
    const at::Tensor ids = at::full({1}, id, at::kLong);
    const at::Tensor expected = base.hidden(ids, base_cache);
    CHECK(compare_logits(expected, grown.hidden(ids, grown_cache)).identical);
  }
}

}  // namespace
}  // namespace expandft
