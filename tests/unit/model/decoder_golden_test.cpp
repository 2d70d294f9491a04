#include "catch.h"
#include "golden.h"
#include "model/decoder.h"

namespace expandft {
namespace {

TEST_CASE("logits equal the reference's", "[golden]") {
  const std::string model = GENERATE(from_range(golden_models()));
  CAPTURE(model);
  const Golden golden(model);
  const Decoder decoder = Decoder::load(golden.directory(), at::kFloat, at::kCPU);
  const at::Tensor logits = decoder.logits(decoder.hidden(to_device(golden.batch(), at::kCPU)));
  const double worst = worst_difference(logits, golden.tensor("logits"));
  CAPTURE(worst);
  CHECK(worst < 1e-4);
}

TEST_CASE("log-probabilities are those of the logits") {
  const Golden golden("gqa", "expanded.safetensors");
  const Decoder decoder = Decoder::load(golden.directory(), at::kFloat, at::kCPU);
  const TokenTensors tokens = to_device(golden.batch(), at::kCPU);
  const at::Tensor logits = decoder.logits(decoder.hidden(tokens));
  const at::Tensor expected = at::log_softmax(logits, -1)
                                  .index_select(0, tokens.target_rows)
                                  .gather(1, tokens.targets.unsqueeze(1))
                                  .squeeze(1);
  CHECK(worst_difference(decoder.log_probs(tokens), expected) < 1e-5);
  CHECK(std::abs(decoder.loss(tokens).item<double>() + expected.sum().item<double>()) < 1e-3);
}

TEST_CASE("decoding with the KV cache equals computing the whole sequence") {
  const std::string model = GENERATE(from_range(golden_models()));
  CAPTURE(model);
  const Golden golden(model);
  const Decoder decoder = Decoder::load(golden.directory(), at::kFloat, at::kCPU);
  const TokenBatch batch = golden.batch();
  const at::Tensor whole = decoder.hidden(to_device(batch, at::kCPU)).narrow(0, 17, 40);
  const at::Tensor ids = to_device(batch, at::kCPU).ids.narrow(0, 17, 40);

  KvCache cache(decoder.spec());
  std::vector<at::Tensor> parts;
  parts.push_back(decoder.hidden(ids.narrow(0, 0, 10), cache));
  parts.push_back(decoder.hidden(ids.narrow(0, 10, 5), cache));
  for (std::int64_t i = 15; i < 40; ++i)
    parts.push_back(decoder.hidden(ids.narrow(0, i, 1), cache));
  CHECK(cache.length() == 40);
  // Results before the sequence grew beyond a change of frequencies used the earlier frequencies.
  const std::int64_t first = model == "phi3" ? 16 : 0, count = 40 - first;
  CHECK(worst_difference(at::cat(parts).narrow(0, first, count), whole.narrow(0, first, count)) <
        5e-5);
}

TEST_CASE("the sequences of a pack do not see each other") {
  const Golden golden("gqa");
  const Decoder decoder = Decoder::load(golden.directory(), at::kFloat, at::kCPU);
  TokenBatch batch = golden.batch();
  const at::Tensor before = decoder.hidden(to_device(batch, at::kCPU));
  for (std::size_t i = 0; i < 17; ++i) batch.ids[i] = (batch.ids[i] + 1) % 90;
  const at::Tensor after = decoder.hidden(to_device(batch, at::kCPU));
  CHECK_FALSE(at::equal(after.narrow(0, 0, 17), before.narrow(0, 0, 17)));
  CHECK(at::equal(after.narrow(0, 17, 45), before.narrow(0, 17, 45)));
}

}  // namespace
}  // namespace expandft
