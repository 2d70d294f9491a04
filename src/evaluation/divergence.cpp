#include "evaluation/divergence.h"

#include "model/loss.h"

#include <algorithm>
#include <utility>

namespace expandft {
namespace {

/// The tokens of an item on which the models are compared.
std::vector<TokenId> text_of(const PreparedTask& work, const TaskItem& item) {
  if (item.requests.empty()) return item.prompt.tokens;
  std::size_t right = 0;
  if (work.task.type == TaskType::kChoice) {
    right = static_cast<std::size_t>((*work.examples)[item.example].target);
  }
  const TokenRequest& request = item.requests[right];
  std::vector<TokenId> tokens = request.context;
  tokens.insert(tokens.end(), request.continuation.begin(), request.continuation.end() - 1);
  return tokens;
}

}  // namespace

BaseStates::BaseStates(const Decoder& base, const std::vector<PreparedTask>& works,
                       std::int64_t tokens)
    : head_(base.head()), softcap_(base.spec().logit_softcap) {
  const c10::NoGradGuard no_grad;
  for (const PreparedTask& work : works) {
    std::vector<Part> parts;
    std::int64_t taken = 0;
    for (const TaskItem& item : work.items) {
      if (taken >= tokens) break;
      std::vector<TokenId> text = text_of(work, item);
      if (std::ssize(text) > tokens - taken) {
        text.resize(static_cast<std::size_t>(tokens - taken));
      }
      if (parts.empty() || parts.back().tokens.tokens() + std::ssize(text) > kForwardTokens) {
        parts.emplace_back();
      }
      taken += std::ssize(text);
      std::vector<std::uint8_t> learned(text.size(), 0);
      parts.back().tokens.append({std::move(text), std::move(learned)});
    }
    for (Part& part : parts) {
      part.hidden = base.hidden(to_device(part.tokens, base.device())).cpu();
    }
    tasks_.push_back(std::move(parts));
  }
}

std::vector<double> BaseStates::divergences(const Decoder& tuned) const {
  const c10::NoGradGuard no_grad;
  std::vector<double> means;
  const at::Tensor head = tuned.head();
  for (const std::vector<Part>& parts : tasks_) {
    double sum = 0;
    std::int64_t tokens = 0;
    for (const Part& part : parts) {
      const at::Tensor hidden = tuned.hidden(to_device(part.tokens, tuned.device()));
      sum += linear_kl_divergence(hidden, head, part.hidden.to(hidden.device()), head_, softcap_)
                 .item<double>();
      tokens += part.tokens.tokens();
    }
    means.push_back(sum / static_cast<double>(tokens));
  }
  return means;
}

}  // namespace expandft
