#include "evaluation/likelihood.h"

#include "base/error.h"
#include "model/branched_batch.h"
#include "model/loss.h"
#include "model/rope.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <numeric>

namespace expandft {
namespace {

/// The tokens that the model reads: all except the last, which is only predicted.
std::vector<TokenId> inputs_of(const TokenRequest& request) {
  std::vector<TokenId> tokens = request.context;
  tokens.insert(tokens.end(), request.continuation.begin(), request.continuation.end() - 1);
  return tokens;
}

/// A token to score: the row that predicts it, and the result it belongs to.
struct Target {
  std::int64_t row, token;
  Likelihood* of;
};

/// Whether a group may share its common beginning. Not with LongRoPE frequencies, which depend on
/// the length of the whole sequence and may differ within the group; and not when it is long,
/// because its attention mask would take more memory than sharing is worth.
bool may_share(const DecoderSpec& spec, std::int64_t tokens) {
  constexpr std::int64_t kLongest = 4096;
  return tokens <= kLongest &&
         std::ranges::all_of(spec.attention_kinds, [tokens](const AttentionKind& kind) {
           return same_frequencies(kind.rope, 1, tokens);
         });
}

/// Puts requests into a batch, in which each group's shared beginning exists once.
class Packing {
 public:
  explicit Packing(const DecoderSpec& spec) : spec_(spec) {}

  void add(const RequestGroup& group, std::vector<Likelihood>& results) {
    results.resize(group.size());
    std::vector<std::vector<TokenId>> inputs;
    for (const TokenRequest& request : group) inputs.push_back(inputs_of(request));
    const std::int64_t tokens = branched_tokens(inputs);
    if (inputs.size() == 1 || may_share(spec_, tokens)) {
      const auto rows = batch_.append(inputs);
      for (std::size_t i = 0; i < group.size(); ++i) aim(group[i], rows[i], results[i]);
      const bool is_one = std::ranges::any_of(
          inputs, [tokens](const auto& sequence) { return std::ssize(sequence) == tokens; });
      branches_ = branches_ || !is_one;
      return;
    }
    for (std::size_t i = 0; i < group.size(); ++i) {
      aim(group[i], batch_.append({inputs[i]}).front(), results[i]);
    }
  }

  void score(const Decoder& decoder) {
    // Sorted by row, so that the head is computed once for each row.
    std::ranges::stable_sort(targets_, {}, &Target::row);
    std::vector<std::int64_t> rows, places, tokens;
    for (const Target& target : targets_) {
      if (rows.empty() || rows.back() != target.row) rows.push_back(target.row);
      places.push_back(std::ssize(rows) - 1);
      tokens.push_back(target.token);
    }
    const at::Tensor hidden = hidden_of(decoder);
    const at::Tensor wanted =
        hidden.index_select(0, at::tensor(rows, at::kLong).to(hidden.device()));
    const TokenScores scores =
        token_scores(wanted, decoder.head(), places, tokens, decoder.spec().logit_softcap);
    const auto log_probs = scores.log_probs.accessor<float, 1>();
    const auto likeliest = scores.likeliest.accessor<bool, 1>();
    for (std::size_t i = 0; i < targets_.size(); ++i) {
      const auto place = static_cast<std::int64_t>(i);
      targets_[i].of->log_prob += log_probs[place];
      targets_[i].of->greedy = targets_[i].of->greedy && likeliest[place];
    }
  }

 private:
  /// Adds the targets of a continuation. Row i predicts token i + 1: they start at the context's
  /// last row.
  void aim(const TokenRequest& request, const std::vector<std::int64_t>& rows, Likelihood& result) {
    result = {.tokens = std::ssize(request.continuation), .greedy = true};
    const std::size_t first = request.context.size() - 1;
    for (std::size_t i = 0; i < request.continuation.size(); ++i) {
      targets_.push_back({rows[first + i], request.continuation[i], &result});
    }
  }

  at::Tensor hidden_of(const Decoder& decoder) const {
    const BranchedTensors tokens = to_device(batch_, decoder.device());
    if (branches_) return decoder.hidden(tokens);
    // Without shared beginnings the faster attention for plain sequences can be used.
    const c10::NoGradGuard no_grad;
    return decoder.hidden(TokenTensors{.ids = tokens.ids,
                                       .host_ids = tokens.host_ids,
                                       .positions = tokens.positions,
                                       .offsets = tokens.offsets});
  }

  const DecoderSpec& spec_;
  BranchedBatch batch_;
  std::vector<Target> targets_;
  bool branches_ = false;
};

}  // namespace

std::vector<std::vector<Likelihood>> likelihoods(const Decoder& decoder,
                                                 const std::vector<const RequestGroup*>& groups) {
  std::vector<std::vector<Likelihood>> results(groups.size());
  Packing packing(decoder.spec());
  for (std::size_t i = 0; i < groups.size(); ++i) packing.add(*groups[i], results[i]);
  packing.score(decoder);
  return results;
}

std::vector<double> score_tokens(const Decoder& decoder, const std::vector<TokenId>& ids,
                                 const std::string& where) {
  const auto n = static_cast<std::int64_t>(ids.size());
  if (n == 0) throw input_error("there are no tokens to score", where);
  if (n > decoder.spec().max_positions) {
    throw input_error(
        std::to_string(n) + " tokens; the model reads at most " +
            std::to_string(decoder.spec().max_positions) + " (max_position_embeddings)",
        where, "score a shorter text, or use a perplexity task, which cuts into blocks");
  }
  if (n == 1) return {};
  TokenBatch batch;
  batch.append({ids, std::vector<std::uint8_t>(ids.size(), 1)});
  const at::Tensor log_probs =
      decoder.log_probs(to_device(batch, decoder.device())).to(at::kCPU, at::kDouble).contiguous();
  const std::vector<double> found(log_probs.data_ptr<double>(),
                                  log_probs.data_ptr<double>() + log_probs.numel());
  const auto bad = std::ranges::find_if_not(found, [](double x) { return std::isfinite(x); });
  if (bad != found.end()) {
    const auto position = bad - found.begin() + 1;  // token 0 has none
    throw decoder.non_finite_error("a non-finite log-probability",
                                   where + ": token " + std::to_string(position) + " (id " +
                                       std::to_string(ids[static_cast<std::size_t>(position)]) +
                                       ")");
  }
  return found;
}

}  // namespace expandft
