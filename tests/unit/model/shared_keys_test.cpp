#include "base/temp_directory.h"
#include "catch.h"
#include "config/run_config.h"
#include "golden.h"
#include "methods/method.h"
#include "model/decoder.h"

#include <c10/core/GradMode.h>

namespace expandft {
namespace {

// Layers that use the keys and values of others, and have inputs of their own (Gemma 4 E2B, E4B).

TokenTensors some_tokens() {
  TokenBatch batch;
  for (TokenId first : {3, 11, 20}) {
    Example example;
    for (TokenId t = 0; t < 5 + first; ++t) example.tokens.push_back((first + 7 * t) % 60);
    example.learned.assign(example.tokens.size(), 1);
    batch.append(example);
  }
  return to_device(batch, at::kCPU);
}

TEST_CASE("the states before any layer give the same hidden states, bit for bit", "[golden]") {
  const c10::NoGradGuard no_grad;
  const Golden golden(GENERATE("gemma4-shared", "gemma4", "smollm3"));
  const Decoder decoder = Decoder::load(golden.directory(), at::kFloat, at::kCPU);
  const TokenTensors tokens = some_tokens();
  const at::Tensor whole = decoder.hidden(tokens);
  for (std::int64_t layer = 0; layer <= decoder.spec().layers; ++layer) {
    CAPTURE(layer);
    const at::Tensor states = decoder.states_before(layer, tokens);
    CHECK(states.size(1) == decoder.state_width(layer));
    CHECK(at::equal(decoder.hidden(tokens, layer, states), whole));
  }
}

TEST_CASE("states carry the keys and values that higher layers use") {
  const Decoder decoder = Decoder::load(Golden("gemma4-shared").directory(), at::kFloat, at::kCPU);
  // Two heads of 10 in the windowed layer 3, of 18 in layer 2.
  CHECK(decoder.spec().key_sources == std::vector<std::int64_t>{2, 3});
  CHECK(decoder.state_width(2) == 24);
  CHECK(decoder.state_width(3) == 24 + 2 * 2 * 18);
  CHECK(decoder.state_width(4) == 24 + 2 * 2 * 18 + 2 * 2 * 10);
}

TEST_CASE("checkpointing layers that share keys gives the same gradients, bit for bit") {
  const std::string method = GENERATE("new", "lora", "full", "last:2");
  const std::int64_t layer = GENERATE(1, 5);
  CAPTURE(method, layer);
  const Golden golden("gemma4-shared");
  RunConfig config;
  config.method = parse_method(method).value();
  config.expansion.layers = LayerSelection::parse(Json(layer), "layers");
  Decoder decoder = Decoder::load(golden.directory(), at::kFloat, at::kCPU);
  const AppliedMethod applied = apply_method(decoder, golden.directory(), config);
  for (const auto& [name, tensor] : applied.adaptation->tensors()) {
    at::Tensor(tensor).add_(at::randn_like(tensor), 0.01).requires_grad_(true);
  }
  const TokenTensors tokens = some_tokens();
  const auto gradients = [&] {
    std::vector<at::Tensor> out;
    decoder.loss(tokens).backward();
    for (const auto& [name, tensor] : applied.adaptation->tensors()) {
      REQUIRE(tensor.grad().defined());
      out.push_back(tensor.grad().clone());
      at::Tensor(tensor).mutable_grad() = at::Tensor();
    }
    return out;
  };
  const std::vector<at::Tensor> plain = gradients();
  decoder.checkpoint_from(applied.frozen_layers);
  const std::vector<at::Tensor> checkpointed = gradients();
  for (std::size_t i = 0; i < plain.size(); ++i) CHECK(at::equal(plain[i], checkpointed[i]));
}

TEST_CASE("layers are not added to a model whose layers share keys") {
  const Golden golden("gemma4-shared");
  RunConfig config;
  config.method = parse_method("llama-pro").value();
  config.expansion.layers = LayerSelection::parse(Json(1), "layers");
  Decoder decoder = Decoder::load(golden.directory(), at::kFloat, at::kCPU);
  const Error error = testing::error_of([&] { apply_method(decoder, golden.directory(), config); });
  CHECK(error.code() == ExitCode::kBadInput);
  CHECK_THAT(error.what(), has_text("llama-pro") && has_text("share keys"));
}

}  // namespace
}  // namespace expandft
