#include "catch.h"
#include "learned_batch.h"
#include "methods/method.h"
#include "model/decoder.h"
#include "model/gradient_checkpointing.h"

namespace expandft {
namespace {

/// The loss, and the gradients of all trained tensors.
std::vector<at::Tensor> loss_and_gradients(const Decoder& decoder, const Adaptation& adaptation,
                                           const TokenTensors& tokens) {
  std::vector<at::Tensor> out;
  const at::Tensor loss = decoder.loss(tokens);
  (loss / 7).backward();
  (decoder.loss(tokens) / 3).backward();  // accumulates
  out.push_back(loss.detach());
  for (const auto& [name, tensor] : adaptation.tensors()) {
    out.push_back(tensor.grad().clone());
    at::Tensor(tensor).mutable_grad() = at::Tensor();
  }
  return out;
}

TEST_CASE("checkpointed layers give the same loss and gradients bit for bit", "[golden]") {
  const std::string model = GENERATE("gqa", "gemma3", "phi3", "bias");
  const std::string method =
      GENERATE("new", "mlp", "zero-init", "llama-pro", "lora", "full", "last:1");
  CAPTURE(model, method);
  const Golden golden(model);
  RunConfig config;
  config.method = parse_method(method).value();
  config.expansion.layers = LayerSelection::parse(Json(1), "layers");
  Decoder decoder = Decoder::load(golden.directory(), at::kFloat, at::kCPU);
  const AppliedMethod applied = apply_method(decoder, golden.directory(), config);
  for (const auto& [name, tensor] : applied.adaptation->tensors()) {
    at::Tensor(tensor).add_(at::randn_like(tensor), 0.01).requires_grad_(true);
  }
  const TokenTensors tokens = learned_batch(golden);
  const auto plain = loss_and_gradients(decoder, *applied.adaptation, tokens);
  decoder.checkpoint_from(applied.frozen_layers);
  const auto checkpointed = loss_and_gradients(decoder, *applied.adaptation, tokens);
  REQUIRE(plain.size() == checkpointed.size());
  for (std::size_t i = 0; i < plain.size(); ++i) {
    CAPTURE(i);
    CHECK(plain[i].abs().sum().item<double>() > 0);
    CHECK(at::equal(plain[i], checkpointed[i]));
  }
}

TEST_CASE("a checkpointed layer is computed once in forward and once more in backward") {
  int calls = 0;
  const at::Tensor weight = at::full({2}, 3.0).requires_grad_(true);
  const at::Tensor x = at::ones({2}).requires_grad_(true);
  const at::Tensor y = checkpointed(
      [&](const LayerTensors& in) {
        ++calls;
        return in[0] * weight;
      },
      {x});
  CHECK(calls == 1);
  y.sum().backward();
  CHECK(calls == 2);
  CHECK(at::equal(x.grad(), weight.detach()));
  CHECK(at::equal(weight.grad(), x.detach()));
}

TEST_CASE("gradients of a checkpointed layer reach all of its inputs") {
  const at::Tensor x = at::full({2}, 2.0).requires_grad_(true);
  const at::Tensor y = at::full({2}, 3.0).requires_grad_(true);
  const at::Tensor constant = at::full({2}, 5.0);
  const auto layer = [](const LayerTensors& in) {
    CHECK_FALSE(in[2].defined());
    return in[0] * in[1] * in[3];
  };
  checkpointed(layer, {x, y, {}, constant}).sum().backward();
  CHECK(at::equal(x.grad(), at::full({2}, 15.0)));
  CHECK(at::equal(y.grad(), at::full({2}, 10.0)));
  CHECK_FALSE(constant.grad().defined());
}

}  // namespace
}  // namespace expandft
