#include "training/self_text.h"

#include "base/error.h"
#include "data/random.h"
#include "model/tensors.h"

#include <algorithm>
#include <functional>

namespace expandft {
namespace {

constexpr const char* kSampleAgain = "delete it: the same texts will be sampled again";

/// Draws a token for each row of logits (n, V) by inverting its cumulative distribution: (n).
at::Tensor draw(const at::Tensor& logits, Random& random) {
  const at::Tensor sums =
      at::softmax(logits.to(at::kFloat), -1).to(at::kCPU, at::kDouble).cumsum(-1);
  std::vector<double> numbers(static_cast<std::size_t>(sums.size(0)));
  for (double& number : numbers) {
    number = static_cast<double>(random.next() >> 11) * 0x1.0p-53;
  }
  const at::Tensor places = at::tensor(numbers, at::kDouble).unsqueeze(1) * sums.narrow(-1, -1, 1);
  return at::searchsorted(sums, places, /*out_int32=*/false, /*right=*/true)
      .squeeze(1)
      .clamp_max_(sums.size(1) - 1);
}

/// Adds a text as an example: every token except the first has a loss.
void append(std::vector<TokenId> tokens, Dataset& dataset) {
  dataset.report.rows += 1;
  dataset.report.examples += 1;
  dataset.report.tokens += std::ssize(tokens);
  dataset.report.targets += std::ssize(tokens) - 1;
  Example example{std::move(tokens), {}};
  example.learned.assign(example.tokens.size(), 1);
  dataset.examples.push_back(example);
}

}  // namespace

Dataset sample_self_text(const Decoder& decoder, const SelfTextOptions& options,
                         const std::function<void(std::int64_t, std::int64_t)>& progress) {
  constexpr std::int64_t kAtOnce = 64;  // sequences
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
      append({begin, end}, dataset);
    }
  }
  return dataset;
}

void write_self_text(const fs::path& file, const Dataset& texts) {
  std::vector<std::int64_t> ids, offsets{0};
  for (const Example example : texts.examples) {
    ids.insert(ids.end(), example.tokens.begin(), example.tokens.end());
    offsets.push_back(std::ssize(ids));
  }
  write_safetensors(file,
                    {source_of("ids", at::tensor(ids, at::kLong), Dtype::kI32),
                     source_of("offsets", at::tensor(offsets, at::kLong), Dtype::kI64)},
                    {});
}

Json self_text_json(const Dataset& texts) {
  Json json = Json::array();
  for (const Example example : texts.examples) json.push_back(example.tokens);
  return json;
}

Dataset parse_self_text(const Json& json) {
  Dataset texts;
  for (const Json& tokens : json) append(tokens.get<std::vector<TokenId>>(), texts);
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
  if (offsets.size() < 2 || offsets.front() != 0 || offsets.back() != std::ssize(ids) ||
      !ascending || !known) {
    throw input_error("the ids and offsets do not match, or ids are beyond the vocabulary",
                      file.string(), kSampleAgain);
  }
  Dataset texts;
  for (std::size_t i = 0; i + 1 < offsets.size(); ++i) {
    append({ids.begin() + offsets[i], ids.begin() + offsets[i + 1]}, texts);
  }
  return texts;
}

}  // namespace expandft
