#include "growth/neuron_choice.h"

#include "base/temp_directory.h"
#include "catch.h"
#include "families/model_config.h"
#include "golden.h"
#include "growth/layer_ranking.h"
#include "training/golden_steps.h"

#include <set>

namespace expandft {
namespace {

using testing::error_of;
using testing::has;
using Kind = ExpansionWidth::Kind;
using Indices = std::vector<std::int64_t>;

constexpr std::int64_t kHidden = 10;

/// Layers of 320 neurons, each of 30 parameters.
DecoderSpec wide_spec(std::int64_t layers = 3, std::int64_t width = 320) {
  DecoderSpec spec;
  spec.layers = layers;
  spec.hidden = kHidden;
  spec.intermediate = width;
  spec.heads = spec.kv_heads = 1;
  spec.attention_kinds = {{.head_dim = kHidden, .kv_heads = 1}};
  spec.kind_of_layer.assign(static_cast<std::size_t>(layers), 0);
  return spec;
}

ExpansionConfig config_of(const char* width, const char* layers = "all") {
  ExpansionConfig out;
  out.layers = LayerSelection::parse(std::string(layers), "here");
  out.width = *ExpansionWidth::of(Json::parse(width));
  return out;
}

Indices widths_of(const char* width, const DecoderSpec& spec) {
  return make_plan(config_of(width), spec).widths;
}

TEST_CASE("shares are rounded to tiles of 16 neurons, numbers are not", "[narrow]") {
  CHECK(widths_of(R"("12.5%")", wide_spec()) == Indices{48, 48, 48});  // 40, to the even multiple
  CHECK(widths_of(R"("5%")", wide_spec()) == Indices{16, 16, 16});
  CHECK(widths_of(R"("0.01%")", wide_spec()) == Indices{16, 16, 16});  // at least one
  CHECK(widths_of(R"("99%")", wide_spec()) == Indices{});              // rounded to all: whole
  CHECK(widths_of(R"("90%")", wide_spec()) == Indices{288, 288, 288});
  CHECK(widths_of(R"("100%")", wide_spec()) == Indices{});
  CHECK(widths_of(R"("12.5%")", wide_spec(2, 80)) == Indices{10, 10});  // a small MLP
  CHECK(widths_of(R"("0.1%")", wide_spec(2, 80)) == Indices{1, 1});
  CHECK(widths_of("7", wide_spec()) == Indices{7, 7, 7});
  CHECK(widths_of("320", wide_spec()) == Indices{});
}

TEST_CASE("a budget counts the parameters of neurons", "[narrow]") {
  const std::int64_t unit = 16 * 3 * kHidden;
  const auto plan_of = [&](std::int64_t parameters) {
    ExpansionConfig config = config_of("7");
    config.width = {.kind = Kind::kParameters, .number = parameters};
    return make_plan(config, wide_spec());
  };
  CHECK(plan_of(3 * unit).widths == Indices{16, 16, 16});
  CHECK(plan_of(4 * unit - 1).widths == Indices{16, 16, 16});
  // Of three layers, an even spread of two units leaves one out.
  CHECK(plan_of(2 * unit).layers == Indices{1, 2});
  CHECK(count_new_parameters(plan_of(5 * unit), wide_spec()) == 5 * unit);
  CHECK_FALSE(plan_of(60 * unit).is_narrow());
  const Error error = error_of([&] { plan_of(unit - 1); });
  CHECK(has(error.message(), "a budget of 479 parameters is less than 16 neurons take: 480"));
  CHECK(error.where() == "expansion.width");
}

TEST_CASE("widths that do not fit are refused", "[narrow]") {
  const Error wide = error_of([&] { make_plan(config_of("321"), wide_spec()); });
  CHECK(has(wide.message(), "321 neurons are to be copied in layer 0, whose MLP has 320"));
  ExpansionConfig three = config_of("16");
  three.copies = 3;
  CHECK(has(error_of([&] { make_plan(three, wide_spec()); }).message(),
            "expansion.copies is 3; expected 2 with expansion.width"));
}

TEST_CASE("the layout native takes layers that grow by as many neurons", "[narrow]") {
  const DecoderSpec spec = wide_spec();
  const ExpansionPlan even = make_plan(config_of("16"), spec);
  CHECK(resolve_layout(Layout::kAuto, even, spec) == Layout::kNative);
  CHECK(common_width(even, spec) == 336);
  ExpansionPlan uneven = even;
  uneven.widths = {16, 32, 16};
  CHECK(resolve_layout(Layout::kAuto, uneven, spec) == Layout::kPadded);
  CHECK(common_width(uneven, spec) == 352);
  CHECK(has(error_of([&] { resolve_layout(Layout::kNative, uneven, spec); }).message(),
            "they grow by 16 to 32"));
  const ExpansionPlan some = make_plan(config_of("16", "1-2"), spec);
  CHECK(resolve_layout(Layout::kAuto, some, spec) == Layout::kPadded);
  DecoderSpec doubled = wide_spec();  // the last layer has 640
  doubled.wide_from = 2;
  CHECK(resolve_layout(Layout::kAuto, make_plan(config_of(R"("10%")"), doubled), doubled) ==
        Layout::kNative);
  const ExpansionPlan alike = make_plan(config_of("16"), doubled);
  CHECK(resolve_layout(Layout::kAuto, alike, doubled) == Layout::kPadded);
  CHECK(common_width(alike, doubled) == 336);
}

TEST_CASE("a plan says what it copies, and counts it", "[narrow]") {
  const DecoderSpec spec = wide_spec();
  ExpansionPlan plan = make_plan(config_of("16"), spec);
  CHECK(has(describe(plan, spec),
            "3 of 3 layers (0-2), copies of 16 of 320 neurons of each MLP: "
            "1440 new parameters"));
  plan.widths = {16, 32, 48};
  CHECK(has(describe(plan, spec), "copies of 16 to 48 of 320 neurons"));
  CHECK(count_trained_parameters(plan, spec) == 96 * 30);
  CHECK(count_gathered_parameters(plan, spec) == 96 * 30);
  plan.method = Method::kMlp;
  CHECK(count_trained_parameters(plan, spec) == (96 + 3 * 320) * 30);
  CHECK(count_gathered_parameters(plan, spec) == 0);
  plan.method = Method::kZeroInit;
  CHECK(count_gathered_parameters(plan, spec) == 0);
}

/// Scores that rise towards the end of the later layers.
std::map<std::int64_t, at::Tensor> rising_scores(const DecoderSpec& spec) {
  std::map<std::int64_t, at::Tensor> out;
  for (std::int64_t i = 0; i < spec.layers; ++i) {
    out[i] = at::arange(spec.width(i), at::kDouble) * static_cast<double>(i + 1);
  }
  return out;
}

TEST_CASE("the neurons with the highest scores are chosen, ascending", "[narrow]") {
  const DecoderSpec spec = wide_spec();
  ExpansionConfig config = config_of("4", "0,2");
  CHECK(chooses_neurons(config, spec, Method::kNew));
  auto scores = rising_scores(spec);
  scores[2].index_put_({at::tensor(Indices{7, 100})}, at::full({2}, 1e9, at::kDouble));
  choose_neurons(config, spec, Method::kNew, scores);
  REQUIRE(config.chosen.size() == 2);
  CHECK(config.chosen[0] == Indices{316, 317, 318, 319});
  CHECK(config.chosen[1] == Indices{7, 100, 318, 319});
  CHECK_FALSE(chooses_neurons(config, spec, Method::kNew));
  const ExpansionPlan plan = make_plan(config, spec);
  CHECK(plan.neurons_of(2) == config.chosen[1]);
  CHECK(plan.widths == Indices{4, 4});
}

TEST_CASE("of equal scores the lower index is chosen", "[narrow]") {
  const DecoderSpec spec = wide_spec(1);
  ExpansionConfig config = config_of("3");
  choose_neurons(config, spec, Method::kNew, {{0, at::ones({320}, at::kDouble)}});
  CHECK(config.chosen[0] == Indices{0, 1, 2});
}

TEST_CASE("a budget goes where scores are highest, in tiles", "[narrow]") {
  const DecoderSpec spec = wide_spec();
  ExpansionConfig config = config_of("4");
  config.width = {.kind = Kind::kParameters, .number = 7 * 16 * 3 * kHidden + 100};
  choose_neurons(config, spec, Method::kNew, rising_scores(spec));
  // Of layer 2 the upper third is worth more than all of layer 1, and layer 0 gets nothing.
  const ExpansionPlan plan = make_plan(config, spec);
  CHECK(plan.layers == Indices{2});
  CHECK(plan.widths == Indices{112});
  CHECK(plan.neurons[0].front() == 208);
  CHECK(count_new_parameters(plan, spec) <= config.width.number);

  ExpansionConfig more = config_of("4");
  more.width = {.kind = Kind::kParameters, .number = 12 * 16 * 3 * kHidden};
  choose_neurons(more, spec, Method::kNew, rising_scores(spec));
  const ExpansionPlan both = make_plan(more, spec);
  CHECK(both.layers == Indices{1, 2});
  CHECK(both.widths[0] + both.widths[1] == 12 * 16);
  CHECK(both.widths[0] % 16 == 0);
  CHECK(both.widths[0] < both.widths[1]);
}

TEST_CASE("a draw depends on its seed alone", "[narrow]") {
  const DecoderSpec spec = wide_spec();
  const auto drawn = [&](std::uint64_t seed) {
    ExpansionConfig config = config_of(R"("10%")");
    draw_neurons(config, spec, Method::kNew, seed);
    return config.chosen;
  };
  const auto one = drawn(7);
  REQUIRE(one.size() == 3);
  for (const Indices& neurons : one) {
    CHECK(neurons.size() == 32);
    CHECK(std::ranges::is_sorted(neurons));
    CHECK(std::set(neurons.begin(), neurons.end()).size() == 32);
    CHECK(neurons.front() >= 0);
    CHECK(neurons.back() < 320);
  }
  CHECK(one[0] != one[1]);
  CHECK(drawn(7) == one);
  CHECK(drawn(8) != one);
}

/// What a neuron is worth by each rule, from gradients that autograd computes of the reference's
/// formula.
TEST_CASE("the probe scores neurons as documented, and finds those that matter", "[narrow]") {
  const Golden golden("gqa", "training.safetensors");
  const std::vector<TokenBatch> probe = golden_step(golden, 0).micro_batches;
  const auto load = [&] { return Decoder::load(golden.directory(), at::kFloat, at::kCPU); };
  // Ten neurons of layer 1 are all that the model hears of that MLP.
  const Indices planted = {3, 8, 21, 22, 40, 47, 55, 60, 71, 79};
  const auto plant = [&](Decoder& decoder) {
    LayerWeights layer = decoder.weights().layers[1];
    at::Tensor factor = at::full({decoder.spec().intermediate}, 1e-3);
    factor.index_fill_(0, at::tensor(planted), 3.0);
    for (Linear* linear : {&layer.mlp.gate, &layer.mlp.up}) {
      linear->weight = linear->weight * factor.unsqueeze(1);
    }
    layer.mlp.down.weight = layer.mlp.down.weight * factor;
    decoder.replace_layer(1, layer);
  };
  Decoder decoder = load();
  plant(decoder);
  std::int64_t targets = 0;
  for (const TokenBatch& batch : probe) targets += batch.target_count();

  Decoder other = load();
  plant(other);
  LayerWeights leaves = other.weights().layers[1];
  for (Linear* linear : {&leaves.mlp.gate, &leaves.mlp.up, &leaves.mlp.down}) {
    linear->weight = linear->weight.detach().clone().requires_grad_(true);
  }
  other.replace_layer(1, leaves);
  at::Tensor loss = at::zeros({});
  for (const TokenBatch& batch : probe) loss = loss + other.loss(to_device(batch, at::kCPU));
  (loss / static_cast<double>(targets)).backward();
  const at::Tensor by_gradient = leaves.mlp.gate.weight.grad().abs().sum(1) +
                                 leaves.mlp.up.weight.grad().abs().sum(1) +
                                 leaves.mlp.down.weight.grad().abs().sum(0);
  const at::Tensor by_saliency =
      (leaves.mlp.down.weight.detach() * leaves.mlp.down.weight.grad()).sum(0).abs();

  for (const NeuronChoice rule : {NeuronChoice::kGradient, NeuronChoice::kSaliency}) {
    const MlpProbe found = probe_mlps(decoder, probe, {1}, rule);
    REQUIRE(found.neurons.size() == 1);
    REQUIRE(found.ranking.size() == 1);
    CHECK(found.ranking[0].layer == 1);
    const at::Tensor expected = rule == NeuronChoice::kGradient ? by_gradient : by_saliency;
    CHECK(worst_difference(found.neurons.at(1), expected) <
          1e-4 * expected.abs().max().item<double>());
    ExpansionConfig config = config_of("10", "1");
    choose_neurons(config, decoder.spec(), Method::kNew, found.neurons);
    CHECK(config.chosen == std::vector<Indices>{planted});
  }
  CHECK_FALSE(decoder.loss(to_device(probe.front(), at::kCPU)).requires_grad());
}

}  // namespace
}  // namespace expandft
