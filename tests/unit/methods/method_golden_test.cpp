#include "catch.h"
#include "export/tuned_directory.h"
#include "methods/method.h"
#include "training/golden_steps.h"

#include <map>

namespace expandft {
namespace {

constexpr const char* kFile = "methods.safetensors";

/// A golden's model, prepared with one of its methods: "full", "lora+retention", ….
struct GoldenMethod {
  GoldenMethod(const std::string& model, const std::string& name)
      : golden(model, kFile),
        settings(golden.settings().at("methods").at(name)),
        prefix(name + "."),
        decoder(Decoder::load(golden.directory(), at::kFloat, at::kCPU)) {
    const std::string method = name.substr(0, name.find('+'));
    const bool is_new = method == "new-k3" || method == "narrow";
    run.method = is_new ? TrainingMethod{} : parse_method(method).value();
    if (settings.contains("layers")) {
      run.expansion.layers = LayerSelection::parse(settings.at("layers"), "layers");
    }
    run.expansion.copies = settings.value("copies", std::int64_t{2});
    if (settings.contains("neurons")) {
      run.expansion.chosen = settings.at("neurons").get<std::vector<std::vector<std::int64_t>>>();
      run.expansion.width = {.kind = ExpansionWidth::Kind::kNeurons,
                             .number = std::ssize(run.expansion.chosen.front())};
    }
    run.lora.rank = settings.value("rank", std::int64_t{16});
    run.lora.alpha = settings.value("alpha", 1.0);
    const Json& training = settings.at("training");
    run.training.learning_rate = training.at("learning_rate");
    run.training.weight_decay = training.at("weight_decay");
    run.training.max_grad_norm = training.at("clip_norm");
    run.training.warmup = training.at("warmup");
    run.training.original_learning_rate_scale = settings.value("original_learning_rate_scale", 0.1);
    applied = apply_method(decoder, golden.directory(), run);
    // Random initial values come from the reference.
    const std::string drawn = method + ".initial.";
    for (auto& [tensor_name, tensor] : applied.adaptation->tensors()) {
      if (golden.has(drawn + tensor_name))
        at::Tensor(tensor).copy_(golden.tensor(drawn + tensor_name));
    }
  }

  at::Tensor logits(double strength) const {
    const c10::NoGradGuard no_grad;
    applied.adaptation->set_strength(strength);
    const Golden probe(golden.directory().path().filename().string());
    const at::Tensor out =
        decoder.logits(decoder.hidden(to_device(probe.batch(), at::kCPU))).clone();
    applied.adaptation->set_strength(1);
    return out;
  }

  Golden golden;
  Json settings;
  std::string prefix;
  RunConfig run;
  Decoder decoder;
  AppliedMethod applied;
};

std::vector<std::pair<std::string, std::string>> all_cases() {
  std::vector<std::pair<std::string, std::string>> out;
  for (const std::string& model : golden_models(kFile)) {
    const Json methods = Golden(model, kFile).settings().at("methods");
    for (const auto& [name, unused] : methods.items()) out.emplace_back(model, name);
  }
  return out;
}

TEST_CASE("every method trains as the reference does, over twenty steps", "[golden]") {
  const auto [model, name] = GENERATE(from_range(all_cases()));
  CAPTURE(model, name);
  GoldenMethod test(model, name);
  const at::Tensor base = Golden(model).tensor("logits");

  std::optional<Retention> retention;
  Dataset text;
  if (test.settings.contains("retention_weight")) {
    text = golden_retention_text(test.golden);
    retention.emplace(RetentionConfig{.weight = test.settings.at("retention_weight").get<double>(),
                                      .batch_size = 4},
                      text, 1, test.applied.frozen_layers);
  }
  const at::Tensor untrained = test.logits(0);
  CHECK(worst_difference(untrained, base) < 1e-4);
  const Gaps gaps =
      train_as_golden(test.golden, test.prefix, test.decoder, *test.applied.adaptation,
                      test.run.training, retention ? &*retention : nullptr);
  CAPTURE(gaps.loss, gaps.norm, gaps.divergence);
  CHECK(gaps.loss < 2e-5);
  CHECK(gaps.norm < 1e-4);
  CHECK(gaps.divergence < 1e-6);

  // At strength 0 the model is its base bit for bit, whatever was trained.
  CHECK(at::equal(test.logits(0), untrained));
  CHECK(worst_difference(test.logits(1), test.golden.tensor(test.prefix + "logits.strength_1")) <
        2e-3);
  if (test.golden.has(test.prefix + "logits.strength_0.5")) {
    CHECK(worst_difference(test.logits(0.5),
                           test.golden.tensor(test.prefix + "logits.strength_0.5")) < 2e-3);
  }
  CHECK(worst_difference(test.logits(1), base) > 1e-2);  // it did learn
}

TEST_CASE("a method starts as its base bit for bit, or as close as its noise says", "[golden]") {
  const auto [model, name] = GENERATE(from_range(all_cases()));
  CAPTURE(model, name);
  const GoldenMethod test(model, name);
  if (name == "new-k3") {
    const double difference = worst_difference(test.logits(1), test.logits(0));
    CHECK(difference > 0);
    CHECK(difference < 1e-5);
  } else {
    CHECK(at::equal(test.logits(1), test.logits(0)));
  }
}

}  // namespace
}  // namespace expandft
