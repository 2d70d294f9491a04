#include "training/adamw.h"

#include "catch.h"
#include "export/verification.h"
#include "training/saved_state.h"
#include "training/small_run.h"

#include <algorithm>
#include <cmath>

namespace expandft {
namespace {

at::Tensor numbers(const std::vector<std::int64_t>& shape, std::uint64_t seed) {
  auto generator = at::make_generator<at::CPUGeneratorImpl>(seed);
  return at::randn(shape, generator, at::TensorOptions().dtype(at::kFloat));
}

struct Reference {
  at::Tensor weight, m, v;  // double

  explicit Reference(const at::Tensor& start)
      : weight(start.detach().to(at::kDouble, false, true)),
        m(at::zeros_like(weight)),
        v(at::zeros_like(weight)) {}

  /// arXiv 1711.05101, algorithm 2 with the schedule multiplier in the learning rate.
  void step(const at::Tensor& gradient, const TrainingConfig& t, double rate, double decay, int n) {
    const at::Tensor g = gradient.to(at::kDouble);
    m = t.beta1 * m + (1 - t.beta1) * g;
    v = t.beta2 * v + (1 - t.beta2) * g * g;
    const at::Tensor corrected_m = m / (1 - std::pow(t.beta1, n));
    const at::Tensor corrected_v = v / (1 - std::pow(t.beta2, n));
    weight = weight - rate * decay * weight - rate * corrected_m / (corrected_v.sqrt() + t.epsilon);
  }
};

TEST_CASE("AdamW follows its formulas, decays only matrices, and scales learning rates") {
  TrainingConfig training;
  training.weight_decay = 0.1;
  training.beta2 = 0.95;
  // A bias between matrices, and sizes that are not multiples of the alignment.
  const std::vector<Parameter> parameters = {
      {"a", numbers({5, 7}, 1), 0.1}, {"bias", numbers({5}, 2)}, {"b", numbers({3, 11}, 3)}};
  std::vector<Reference> references;
  for (const auto& [name, tensor, rate_scale] : parameters) references.emplace_back(tensor);
  AdamW optimizer(parameters, training);
  CHECK(optimizer.parameter_count() == 35 + 5 + 33);
  for (int n = 1; n <= 5; ++n) {
    optimizer.zero_grad();
    const double rate = 0.02 / n;
    for (std::size_t i = 0; i < parameters.size(); ++i) {
      const at::Tensor& tensor = parameters[i].tensor;
      const at::Tensor gradient = numbers(tensor.sizes().vec(), 10 * static_cast<unsigned>(n) + i);
      tensor.grad().copy_(gradient);
      references[i].step(gradient, training, rate * parameters[i].rate_scale,
                         tensor.dim() > 1 ? 0.1 : 0.0, n);
    }
    optimizer.step(rate);
    for (std::size_t i = 0; i < parameters.size(); ++i) {
      CAPTURE(n, parameters[i].name);
      CHECK(worst_difference(parameters[i].tensor.detach(), references[i].weight) < 1e-6);
    }
  }
  CHECK(optimizer.steps() == 5);
  for (const auto& [name, moment] : saved_state(optimizer)) {
    if (name == "bias.exp_avg") CHECK(worst_difference(moment, references[1].m) < 1e-6);
    if (name == "b.exp_avg_sq") CHECK(worst_difference(moment, references[2].v) < 1e-6);
  }
}

TEST_CASE("the norm is over all gradients, and clipping scales them to it") {
  const std::vector<Parameter> parameters = {{"a", numbers({3, 3}, 1)}, {"b", numbers({7}, 2)}};
  AdamW optimizer(parameters, {});
  const double norm = std::sqrt(9 * 4.0 + 7 * 16.0);
  const auto after_a_step = [&](double clip) {
    parameters[0].tensor.grad().fill_(2);
    parameters[1].tensor.grad().fill_(-4);
    CHECK(optimizer.squared_norm().item<double>() == Approx(norm * norm));
    optimizer.clip_gradients(optimizer.squared_norm().sqrt(), clip);
    const at::Tensor before = saved_state(optimizer).at("a.exp_avg");
    optimizer.step(1e-3);
    // The gradient that the first moment has received.
    return ((saved_state(optimizer).at("a.exp_avg") - 0.9 * before) / 0.1)[0][0].item<double>();
  };
  CHECK(after_a_step(0) == Approx(2));
  CHECK(after_a_step(2 * norm) == Approx(2));
  CHECK(after_a_step(1) == Approx(2 / norm));
  CHECK(after_a_step(0) == Approx(2));
}

TEST_CASE("after a step that is not good nothing changes until the steps are set") {
  const std::vector<Parameter> parameters = {{"a", numbers({3, 3}, 1)}, {"b", numbers({7}, 2)}};
  AdamW optimizer(parameters, {});
  const auto state = [&] {
    std::vector<at::Tensor> tensors;
    for (const Parameter& one : parameters) tensors.push_back(one.tensor.detach().clone());
    for (const auto& [name, moment] : saved_state(optimizer)) tensors.push_back(moment);
    return tensors;
  };
  const auto step = [&](bool is_good) {
    for (const Parameter& one : parameters) one.tensor.grad().copy_(at::rand_like(one.tensor));
    optimizer.stop_unless(at::scalar_tensor(is_good, at::kBool));
    optimizer.step(1e-2);
    return state();
  };
  const auto are_equal = [](const auto& a, const auto& b) {
    return std::ranges::equal(a, b, [](const auto& x, const auto& y) { return x.equal(y); });
  };
  const auto first = step(true), second = step(true);
  CHECK_FALSE(are_equal(first, second));
  CHECK(are_equal(step(false), second));
  CHECK(are_equal(step(true), second));
  optimizer.set_steps(2);
  CHECK_FALSE(are_equal(step(true), second));
}

TEST_CASE("the average weighs the weights after each step by powers of its decay") {
  TrainingConfig training;
  training.ema = GENERATE(0.5, 0.9, 0.99);
  const double decay = *training.ema;
  const std::vector<Parameter> parameters = {{"a", numbers({5, 7}, 1), 0.1},
                                             {"b", numbers({5}, 2)}};
  AdamW optimizer(parameters, training);
  CHECK(optimizer.has_average());
  const auto weights_of = [&](std::size_t i) {
    return parameters[i].tensor.detach().to(at::kDouble, false, /*copy=*/true);
  };
  const at::Tensor start = weights_of(0);
  optimizer.swap_average();  // there is none yet
  CHECK(weights_of(0).equal(start));
  std::vector<std::vector<at::Tensor>> history(2);
  const auto step = [&](bool is_good) {
    for (const Parameter& one : parameters) one.tensor.grad().copy_(at::randn_like(one.tensor));
    optimizer.stop_unless(at::scalar_tensor(is_good, at::kBool));
    optimizer.step(1e-1);
  };
  at::manual_seed(9);
  for (int t = 1; t <= 6; ++t) {
    step(true);
    for (std::size_t i = 0; i < 2; ++i) history[i].push_back(weights_of(i));
    optimizer.swap_average();
    for (std::size_t i = 0; i < 2; ++i) {
      at::Tensor sum = at::zeros_like(history[i][0]);
      for (int k = 1; k <= t; ++k) {
        sum += std::pow(decay, t - k) * history[i][static_cast<std::size_t>(k) - 1];
      }
      CAPTURE(t, i);
      CHECK(worst_difference(weights_of(i), sum * (1 - decay) / (1 - std::pow(decay, t))) < 1e-6);
    }
    optimizer.swap_average();
    for (std::size_t i = 0; i < 2; ++i) CHECK(weights_of(i).equal(history[i].back()));
  }
  // Steps that are not good, which will be repeated, do not count.
  const at::Tensor before = saved_state(optimizer).at("a.average");
  step(false);
  CHECK(saved_state(optimizer).at("a.average").equal(before));
}

TEST_CASE("a factor on a projection's learning rate changes what it trains, and nothing else") {
  TrainingConfig training;
  const char* const names[] = {"layers.0.mlp.gate_proj.copy1.weight",
                               "layers.0.mlp.up_proj.copy1.weight",
                               "layers.0.mlp.down_proj.copy1.weight", "norm.weight"};
  const auto changes = [&](const LearningRateScales& scales) {
    training.learning_rate_scales = scales;
    std::vector<Parameter> parameters;
    for (std::uint64_t i = 0; i < 4; ++i) parameters.push_back({names[i], numbers({4, 4}, i)});
    std::vector<at::Tensor> before;
    for (const Parameter& one : parameters) before.push_back(one.tensor.detach().clone());
    AdamW optimizer(parameters, training);
    for (std::uint64_t i = 0; i < 4; ++i) parameters[i].tensor.grad().copy_(numbers({4, 4}, 9 + i));
    optimizer.step(1e-2);
    for (std::size_t i = 0; i < 4; ++i) before[i] = parameters[i].tensor.detach() - before[i];
    return before;
  };
  const std::vector<at::Tensor> plain = changes({});
  const LearningRateScales scales{.gate = 0, .up = 0.5, .down = 3};
  const std::vector<at::Tensor> found = changes(scales);
  CHECK(found[0].abs().max().item<double>() == 0);
  CHECK(worst_difference(found[1], plain[1] * 0.5) < 1e-7);
  CHECK(worst_difference(found[2], plain[2] * 3) < 1e-7);
  CHECK(found[3].equal(plain[3]));
}

TEST_CASE("every tensor is aligned to 64 bytes, and the padding between tensors stays 0") {
  const std::vector<Parameter> parameters = {
      {"a", numbers({5, 7}, 1)}, {"bias", numbers({5}, 2)}, {"b", numbers({3, 11}, 3)}};
  TrainingConfig training;
  training.weight_decay = 0.1;
  AdamW optimizer(parameters, training);
  for (const auto& [name, tensor, rate_scale] : parameters) tensor.grad().fill_(1);
  optimizer.step(0.1);
  const auto check = [](const std::string& name, const at::Tensor& tensor) {
    CAPTURE(name);
    CHECK(reinterpret_cast<std::uintptr_t>(tensor.data_ptr()) % 64 == 0);
    const std::int64_t end = tensor.storage_offset() + tensor.numel(), next = (end + 15) / 16 * 16;
    const at::Tensor gap =
        at::empty({0}, tensor.options()).set_(tensor.storage(), end, {next - end}, {1});
    CHECK(gap.abs().sum().item<double>() == 0);
  };
  for (const auto& [name, tensor, rate_scale] : parameters) {
    check(name, tensor.detach());
    check(name + "'s gradient", tensor.grad());
  }
}

TEST_CASE("an expanded model is its base bit for bit with its copies in AdamW's buffers") {
  const std::string model = GENERATE("gqa", "bias");
  const Golden golden(model);
  const TokenTensors tokens = to_device(golden.batch(), at::kCPU);
  const at::Tensor base =
      probe_logits(Decoder::load(golden.directory(), at::kFloat, at::kCPU), tokens);
  const SmallRun run(model);
  CHECK(compare_logits(base, probe_logits(run.decoder, tokens)).identical);
}

}  // namespace
}  // namespace expandft
