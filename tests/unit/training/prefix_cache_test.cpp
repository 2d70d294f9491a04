#include "training/prefix_cache.h"

#include "base/temp_directory.h"
#include "catch.h"
#include "data/packing.h"
#include "learned_batch.h"
#include "methods/method.h"

#include <algorithm>
#include <fcntl.h>
#include <set>
#include <unistd.h>

namespace expandft {
namespace {

using testing::TempDirectory;

constexpr std::int64_t kLayers = 2;

/// Examples of many lengths, of a golden model's vocabulary.
Dataset sequences(std::int64_t vocab) {
  Dataset dataset;
  for (std::int64_t i = 0; i < 23; ++i) {
    Example example;
    for (std::int64_t t = 0; t < 3 + (i * 11) % 29; ++t) {
      example.tokens.push_back(static_cast<TokenId>((i * 31 + t * 7) % vocab));
    }
    example.learned.assign(example.tokens.size(), 1);
    dataset.examples.push_back(example);
  }
  return dataset;
}

struct Run {
  Run()
      : golden("gqa"),
        decoder(Decoder::load(golden.directory(), at::kFloat, at::kCPU)),
        data(sequences(decoder.spec().vocab)),
        token_bytes(static_cast<std::uint64_t>(decoder.spec().hidden) * sizeof(float)) {
    config.max_length = 32;
    training.epochs = 4;
    training.batch_size = 5;
    training.micro_batch_size = 3;
  }

  BatchStream stream() const { return {data, config, training}; }
  PrefixLayout layout(std::uint64_t limit = 1u << 30) const {
    return {data, first_epoch_groups(stream()), token_bytes, limit};
  }
  PrefixCache cache(std::uint64_t limit = 1u << 30) const {
    PrefixLayout kept = layout(limit);
    const std::uint64_t bytes = kept.bytes();
    return {decoder, kLayers, data, std::move(kept), ScratchSpace::in_memory(bytes)};
  }
  PrefixCache disk_cache(const fs::path& folder) const {
    PrefixLayout kept = layout();
    const std::uint64_t bytes = kept.bytes();
    return {decoder, kLayers, data, std::move(kept), ScratchSpace::on_disk(folder, bytes)};
  }
  at::Tensor computed(const ExampleGroup& group) const {
    return decoder.states_before(kLayers, to_device(batch_of(data, group), at::kCPU));
  }
  /// The micro-batches of the epochs from `from_epoch` on, in order.
  std::vector<ExampleGroup> pieces(std::uint64_t from_epoch = 0) const {
    BatchStream stream = this->stream();
    stream.seek({from_epoch, 0});
    std::vector<ExampleGroup> out;
    while (true) {
      const auto step = stream.next_examples();
      if (step.empty()) return out;
      out.insert(out.end(), step.begin(), step.end());
    }
  }

  Golden golden;
  Decoder decoder;
  Dataset data;
  std::uint64_t token_bytes;
  DataConfig config;
  TrainingConfig training;
};

TEST_CASE("the micro-batches of the first epoch hold every example") {
  const Run run;
  std::set<std::uint32_t> seen;
  for (const ExampleGroup& group : first_epoch_groups(run.stream())) {
    seen.insert(group.begin(), group.end());
  }
  CHECK(seen.size() == run.data.examples.size());
}

TEST_CASE("a layout keeps examples in the order of training, up to its limit") {
  const Run run;
  const PrefixLayout all = run.layout();
  CHECK(all.kept_examples() == 23);
  CHECK(all.bytes() == static_cast<std::uint64_t>(first_epoch({run.data, run.config, 7}).tokens) *
                           run.token_bytes);
  const PrefixLayout half = run.layout(all.bytes() / 2);
  CHECK(half.bytes() <= all.bytes() / 2);
  CHECK(half.kept_examples() > 5);
  std::uint64_t end = 0;
  bool is_past = false;
  for (const ExampleGroup& group : first_epoch_groups(run.stream())) {
    for (const std::uint32_t example : group) {
      const auto place = half.find(example);
      if (all.find(example)->begin < end) continue;  // it came before
      is_past = is_past || !place;
      CHECK(place.has_value() != is_past);
      if (!place) continue;
      CHECK(place->begin == end);
      end += static_cast<std::uint64_t>(run.data.examples.length(example)) * run.token_bytes;
      const ExampleGroup& of = half.group(place->group);
      CHECK(std::ranges::find(of, example) != of.end());
    }
  }
  CHECK(run.layout(0).kept_examples() == 0);
}

TEST_CASE("the first epoch's states are those computed without a cache, bit for bit") {
  const Run run;
  PrefixCache cache = run.cache();
  BatchStream stream = run.stream();
  while (true) {
    const std::vector<ExampleGroup> step = stream.next_examples();
    if (stream.position().epoch > 0) break;  // it holds examples that came before
    for (const ExampleGroup& group : step) {
      CHECK(at::equal(cache.states(group), run.computed(group)));
    }
  }
  for (const ExampleGroup& group : first_epoch_groups(run.stream())) cache.states(group);
  const std::int64_t before = cache.hits();
  std::int64_t later = 0;
  for (const ExampleGroup& group : run.pieces(1)) {
    CHECK(at::allclose(cache.states(group), run.computed(group), 1e-5, 1e-5));  // other batches
    later += std::ssize(group);
  }
  CHECK(cache.hits() - before == later);
}

TEST_CASE("states do not depend on when the cache was filled, nor on where it is stored") {
  const Run run;
  const TempDirectory folder;
  PrefixCache whole = run.cache();
  for (const ExampleGroup& group : run.pieces()) whole.states(group);
  PrefixCache resumed = run.cache(), on_disk = run.disk_cache(folder.path());
  for (const ExampleGroup& group : run.pieces(2)) {
    const at::Tensor states = whole.states(group);
    CHECK(at::equal(resumed.states(group), states));
    CHECK(at::equal(on_disk.states(group), states));
  }
  CHECK(fs::is_empty(folder.path()));
}

TEST_CASE("with a limit, a resumed run's states are the same too") {
  const Run run;
  const std::uint64_t limit = run.layout().bytes() / 3;
  PrefixCache whole = run.cache(limit);
  for (const ExampleGroup& group : run.pieces()) whole.states(group);
  PrefixCache resumed = run.cache(limit);
  for (const ExampleGroup& group : run.pieces(1)) {
    const at::Tensor states = whole.states(group);
    CHECK(at::equal(resumed.states(group), states));
    CHECK(at::allclose(states, run.computed(group), 1e-5, 1e-5));
  }
}

/// The descriptor of the only open file in `folder`, which has no name.
int open_file_in(const fs::path& folder) {
  for (const auto& entry : fs::directory_iterator("/proc/self/fd")) {
    std::error_code ignored;
    const std::string target = fs::read_symlink(entry.path(), ignored).string();
    if (target.starts_with(folder.string())) return std::stoi(entry.path().filename().string());
  }
  return -1;
}

TEST_CASE("damaged states on the disk are computed again, bit for bit") {
  const Run run;
  const TempDirectory folder;
  PrefixCache cache = run.disk_cache(folder.path());
  for (const ExampleGroup& group : run.pieces()) cache.states(group);
  const std::vector<ExampleGroup> pieces = run.pieces(3);
  std::vector<at::Tensor> states;
  for (const ExampleGroup& group : pieces) states.push_back(cache.states(group));

  const int file = open_file_in(folder.path());
  REQUIRE(file >= 0);
  const auto place = cache.layout().find(pieces[0][0]);
  const float wrong = 1e6F;
  REQUIRE(::pwrite(file, &wrong, sizeof wrong, static_cast<off_t>(place->begin)) == sizeof wrong);
  const std::int64_t before = cache.hits();
  for (std::size_t i = 0; i < pieces.size(); ++i) {
    CHECK(at::equal(cache.states(pieces[i]), states[i]));
  }
  CHECK(cache.hits() - before < 23);
  // The states are kept again.
  const std::int64_t repaired = cache.hits();
  for (std::size_t i = 0; i < pieces.size(); ++i) {
    CHECK(at::equal(cache.states(pieces[i]), states[i]));
  }
  CHECK(cache.hits() - repaired == 23);

  // A truncated file: everything is computed again, and the run continues.
  REQUIRE(::ftruncate(file, 0) == 0);
  for (std::size_t i = 0; i < pieces.size(); ++i) {
    CHECK(at::equal(cache.states(pieces[i]), states[i]));
  }
}

TEST_CASE("what does not fit into the space is computed") {
  const Run run;
  PrefixLayout layout = run.layout();
  PrefixCache cache(run.decoder, kLayers, run.data, std::move(layout),
                    ScratchSpace::in_memory(10 * run.token_bytes));  // writing beyond its end fails
  for (const ExampleGroup& group : run.pieces()) {
    CHECK(at::allclose(cache.states(group), run.computed(group), 1e-5, 1e-5));
  }
  CHECK(cache.hits() == 0);
}

TEST_CASE("a cache on the disk leaves the required room free") {
  const Run run;
  const TempDirectory folder;
  const auto make = [&](std::uint64_t left_free) {
    return make_prefix_cache(CachePrefix::kDisk, {folder.path(), left_free}, run.decoder, kLayers,
                             run.data, run.layout());
  };
  CHECK(make(0) != nullptr);
  CHECK(make(fs::space(folder.path()).available) == nullptr);
}

TEST_CASE("with every method the frozen layers are those below all trained ones") {
  const auto [method, frozen] = GENERATE(table<std::string, std::int64_t>({{"new", 2},
                                                                           {"mlp", 2},
                                                                           {"zero-init", 2},
                                                                           {"llama-pro", 3},
                                                                           {"lora", 0},
                                                                           {"full", 0},
                                                                           {"last:1", -1}}));
  CAPTURE(method);
  const Run run;
  RunConfig config;
  config.method = parse_method(method).value();
  config.expansion.layers = LayerSelection::parse(Json(2), "layers");
  Decoder decoder = Decoder::load(run.golden.directory(), at::kFloat, at::kCPU);
  const std::int64_t layers = decoder.spec().layers;
  const AppliedMethod applied = apply_method(decoder, run.golden.directory(), config);
  CHECK(applied.frozen_layers == (frozen < 0 ? layers + frozen : frozen));

  const TokenTensors tokens = learned_batch(run.golden);
  const at::Tensor below = decoder.states_before(applied.frozen_layers, tokens);
  const at::Tensor above = decoder.states_before(applied.frozen_layers + 1, tokens);
  for (const auto& [name, tensor] : applied.adaptation->tensors()) {
    at::Tensor(tensor).add_(at::randn_like(tensor), 0.1);
  }
  CHECK(at::equal(decoder.states_before(applied.frozen_layers, tokens), below) ==
        (method != "full"));  // whose embedding trains
  CHECK(!at::equal(decoder.states_before(applied.frozen_layers + 1, tokens), above));

  // Beginning above the frozen layers gives the same loss and gradients bit for bit.
  if (applied.frozen_layers == 0) return;
  for (const auto& [name, tensor] : applied.adaptation->tensors()) {
    at::Tensor(tensor).requires_grad_(true);
  }
  const auto gradients = [&](const at::Tensor& loss) {
    loss.backward();
    std::vector<at::Tensor> out{loss.detach()};
    for (const auto& [name, tensor] : applied.adaptation->tensors()) {
      out.push_back(tensor.grad().clone());
      at::Tensor(tensor).mutable_grad() = at::Tensor();
    }
    return out;
  };
  const auto whole = gradients(decoder.loss(tokens));
  const auto split = gradients(decoder.loss(tokens, applied.frozen_layers, below));
  CHECK(whole[0].item<double>() > 0);
  for (std::size_t i = 0; i < whole.size(); ++i) CHECK(at::equal(whole[i], split[i]));
}

}  // namespace
}  // namespace expandft
