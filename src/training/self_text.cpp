#include "training/self_text.h"

#include "base/error.h"
#include "data/random.h"
#include "model/tensors.h"

#include <algorithm>
#include <functional>

namespace expandft {
namespace {

constexpr const char* kSampleAgain = "delete it: the same texts will be sampled again";

constexpr std::int64_t kAtOnce = 64;  // sequences

/// Of each row of logits (n, V): (n, V), float64, on the CPU.
at::Tensor cumulative_probabilities(const at::Tensor& logits) {
  return at::softmax(logits.to(at::kFloat), -1).to(at::kCPU, at::kDouble).cumsum(-1);
}

/// Draws a token by inverting its cumulative distribution `sums` (V).
TokenId draw_one(const at::Tensor& sums, Random& random) {
  const auto* begin = sums.const_data_ptr<double>();
  const auto* end = begin + sums.size(0);
  const double uniform = static_cast<double>(random.next() >> 11) * 0x1.0p-53;  // in [0, 1)
  const auto* found = std::upper_bound(begin, end, uniform * end[-1]);
  return static_cast<TokenId>(std::min(found, end - 1) - begin);
}

/// Draws a token for each row of logits (n, V): (n).
at::Tensor draw(const at::Tensor& logits, Random& random) {
  const at::Tensor sums = cumulative_probabilities(logits);
  std::vector<std::int64_t> ids;
  for (std::int64_t i = 0; i < sums.size(0); ++i) ids.push_back(draw_one(sums[i], random));
  return at::tensor(ids, at::kLong);
}

/// Adds a text as an example: every token after the first `given` (at least one) has a loss.
void append(std::vector<TokenId> tokens, std::int64_t given, Dataset& dataset) {
  dataset.report.rows += 1;
  dataset.report.examples += 1;
  dataset.report.tokens += std::ssize(tokens);
  dataset.report.targets += std::ssize(tokens) - given;
  Example example{std::move(tokens), {}};
  example.learned.assign(example.tokens.size(), 1);
  // The first token is never learned, and marked all the same: so it was before there were prompts.
  if (given > 1) std::fill_n(example.learned.begin(), given, std::uint8_t{0});
  dataset.examples.push_back(example);
}

/// How many tokens of an example precede the first that has a loss.
std::int64_t given_tokens(const Example& example) {
  const auto first = std::find(example.learned.begin() + 1, example.learned.end(), 1);
  return first - example.learned.begin();
}

/// A continuation that is being written.
struct Continuation {
  std::int64_t text = 0;
  Random random;
};

/// The continuations of up to kAtOnce texts, those from `first` on.
std::vector<std::vector<TokenId>> continue_texts(const Decoder& decoder,
                                                 const SelfTextOptions& options,
                                                 const std::vector<TextPrompt>& prompts,
                                                 std::int64_t first, std::int64_t count) {
  const auto prompt_of = [&](std::int64_t text) -> const TextPrompt& {
    return prompts[static_cast<std::size_t>(text) % prompts.size()];
  };
  TokenBatch batch;
  std::vector<std::int64_t> last_rows;
  std::vector<Continuation> going;
  std::vector<std::vector<TokenId>> texts;
  for (std::int64_t text = first; text < first + count; ++text) {
    texts.push_back(prompt_of(text).tokens);
    batch.append({texts.back(), std::vector<std::uint8_t>(texts.back().size(), 0)});
    last_rows.push_back(batch.tokens() - 1);
    going.push_back({text, Random(options.seed, static_cast<std::uint64_t>(text))});
  }
  BatchCache cache(decoder.spec(), count, options.length,
                   decoder.weights().embedding.options().dtype(decoder.dtype()));
  at::Tensor hidden = decoder.hidden(to_device(batch, decoder.device()), cache)
                          .index_select(0, at::tensor(last_rows, at::kLong).to(decoder.device()));
  while (true) {
    const at::Tensor sums = cumulative_probabilities(decoder.logits(hidden));
    std::vector<Continuation> kept;
    std::vector<std::int64_t> places, ids;
    for (std::size_t i = 0; i < going.size(); ++i) {
      const auto row = static_cast<std::int64_t>(i);
      const TokenId id = draw_one(sums[row], going[i].random);
      const TextPrompt& prompt = prompt_of(going[i].text);
      std::vector<TokenId>& text = texts[static_cast<std::size_t>(going[i].text - first)];
      text.push_back(id);
      const bool ends = std::ranges::find(prompt.ends, id) != prompt.ends.end();
      if (ends || std::ssize(text) >= options.length) continue;
      places.push_back(row);
      ids.push_back(id);
      kept.push_back(going[i]);
    }
    if (kept.empty()) return texts;
    going = std::move(kept);
    cache.keep(places);
    hidden = decoder.hidden(at::tensor(ids, at::kLong).to(decoder.device()), cache);
  }
}

}  // namespace

Dataset sample_self_text(const Decoder& decoder, const SelfTextOptions& options,
                         const std::function<void(std::int64_t, std::int64_t)>& progress) {
  const c10::NoGradGuard no_grad;
  Dataset dataset;
  const std::int64_t total = options.samples * options.length;
  std::int64_t drawn = 0;
  for (std::int64_t first = 0; first < options.samples; first += kAtOnce) {
    const std::int64_t count = std::min(kAtOnce, options.samples - first);
    Random random(options.seed, static_cast<std::uint64_t>(first));
    BatchCache cache(decoder.spec(), count, options.length, decoder.weights().embedding.options());
    std::vector<at::Tensor> columns{at::full({count}, options.begin, at::kLong)};
    while (std::ssize(columns) < options.length) {
      const at::Tensor ids = columns.back().to(decoder.device());
      columns.push_back(draw(decoder.logits(decoder.hidden(ids, cache)), random));
      drawn += count;
      if (progress) progress(std::min(drawn + first, total), total);
    }
    const at::Tensor texts = at::stack(columns, 1);
    for (std::int64_t i = 0; i < count; ++i) {
      const at::Tensor row = texts[i].contiguous();
      const auto* begin = row.const_data_ptr<std::int64_t>();
      const auto* end = begin + row.numel();
      if (options.end) end = std::min(end, std::find(begin + 1, end, *options.end) + 1);
      append({begin, end}, 1, dataset);
    }
  }
  return dataset;
}

Dataset sample_continuations(const Decoder& decoder, const SelfTextOptions& options,
                             const std::vector<TextPrompt>& prompts,
                             const std::function<void(std::int64_t, std::int64_t)>& progress) {
  const c10::NoGradGuard no_grad;
  Dataset dataset;
  for (std::int64_t first = 0; first < options.samples; first += kAtOnce) {
    const std::int64_t count = std::min(kAtOnce, options.samples - first);
    std::int64_t text = first;
    for (std::vector<TokenId>& tokens : continue_texts(decoder, options, prompts, first, count)) {
      const TextPrompt& prompt = prompts[static_cast<std::size_t>(text++) % prompts.size()];
      append(std::move(tokens), std::ssize(prompt.tokens), dataset);
    }
    if (progress) progress(first + count, options.samples);
  }
  return dataset;
}

void write_self_text(const fs::path& file, const Dataset& texts) {
  std::vector<std::int64_t> ids, offsets{0}, prompts;
  for (const Example example : texts.examples) {
    ids.insert(ids.end(), example.tokens.begin(), example.tokens.end());
    offsets.push_back(std::ssize(ids));
    prompts.push_back(given_tokens(example));
  }
  write_safetensors(file,
                    {source_of("ids", at::tensor(ids, at::kLong), Dtype::kI32),
                     source_of("offsets", at::tensor(offsets, at::kLong), Dtype::kI64),
                     source_of("prompt_tokens", at::tensor(prompts, at::kLong), Dtype::kI64)},
                    {});
}

Json self_text_json(const Dataset& texts) {
  Json json = Json::array();
  for (const Example example : texts.examples) {
    json.push_back({{"ids", example.tokens}, {"prompt_tokens", given_tokens(example)}});
  }
  return json;
}

Dataset parse_self_text(const Json& json) {
  Dataset texts;
  for (const Json& one : json) {
    append(one.at("ids").get<std::vector<TokenId>>(), one.at("prompt_tokens"), texts);
  }
  return texts;
}

Dataset read_self_text(const fs::path& file, std::int64_t vocab) {
  const SafetensorsFile saved = SafetensorsFile::open(file);
  const auto numbers = [&](const char* name) {
    const auto found = saved.tensors().find(name);
    if (found == saved.tensors().end() || found->second.shape.size() != 1 ||
        (found->second.dtype != Dtype::kI32 && found->second.dtype != Dtype::kI64)) {
      throw input_error(std::string("no list of integers \"") + name + "\"", file.string(),
                        kSampleAgain);
    }
    const at::Tensor wide = mapped_tensor(found->second).to(at::kLong).contiguous();
    const auto* data = wide.const_data_ptr<std::int64_t>();
    return std::vector<std::int64_t>(data, data + wide.numel());
  };
  const std::vector<std::int64_t> ids = numbers("ids"), offsets = numbers("offsets");
  const bool ascending = std::ranges::adjacent_find(offsets, std::greater_equal{}) == offsets.end();
  const bool known = std::ranges::all_of(ids, [&](auto id) { return id >= 0 && id < vocab; });
  // A file of an earlier version has no prompts: every text begins with one given token.
  const std::vector<std::int64_t> prompts =
      saved.tensors().contains("prompt_tokens")
          ? numbers("prompt_tokens")
          : std::vector<std::int64_t>(offsets.empty() ? 0 : offsets.size() - 1, 1);
  if (offsets.size() < 2 || offsets.front() != 0 || offsets.back() != std::ssize(ids) ||
      !ascending || !known) {
    throw input_error("the ids and offsets do not match, or ids are beyond the vocabulary",
                      file.string(), kSampleAgain);
  }
  Dataset texts;
  for (std::size_t i = 0; i + 1 < offsets.size(); ++i) {
    const std::int64_t given = i < prompts.size() ? prompts[i] : 0;
    if (given < 1 || given > offsets[i + 1] - offsets[i] || prompts.size() + 1 != offsets.size()) {
      throw input_error("the lengths of the prompts do not match the texts", file.string(),
                        kSampleAgain);
    }
    append({ids.begin() + offsets[i], ids.begin() + offsets[i + 1]}, given, texts);
  }
  return texts;
}

}  // namespace expandft
