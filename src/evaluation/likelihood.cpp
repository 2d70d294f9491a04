#include "evaluation/likelihood.h"

#include "model/branched_batch.h"
#include "model/loss.h"
#include "model/rope.h"

#include <algorithm>
#include <cstdint>
#include <numeric>

namespace expandft {
namespace {

/// What the model has to read: all but the last token, which is only predicted.
std::vector<TokenId> inputs_of(const TokenRequest& request) {
  std::vector<TokenId> tokens = request.context;
  tokens.insert(tokens.end(), request.continuation.begin(), request.continuation.end() - 1);
  return tokens;
}

/// A token to be scored: the row that predicts it, and whose it is.
struct Target {
  std::int64_t row, token;
  Likelihood* of;
};

/// LongRoPE turns all tokens of a sequence by frequencies that depend on its length; those of a
/// group then need not be alike.
/// The masks of long ones would take more memory than sharing is worth.
bool may_share(const DecoderSpec& spec, std::int64_t tokens) {
  constexpr std::int64_t kLongest = 4096;
  return tokens <= kLongest &&
         std::ranges::all_of(spec.attention_kinds, [tokens](const AttentionKind& kind) {
           return same_frequencies(kind.rope, 1, tokens);
         });
}

/// Puts requests into a batch, each group's shared beginning once.
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
    // Targets of one row stand together, and the head is asked once for each row.
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
  /// The rows that predict a request's continuation: from the context's last token on.
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
    // Plain sequences: the faster attention.
    const c10::NoGradGuard no_grad;
    return decoder.hidden(
        TokenTensors{.ids = tokens.ids, .positions = tokens.positions, .offsets = tokens.offsets});
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

}  // namespace expandft
