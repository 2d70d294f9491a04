#include "training/memory_estimate.h"

#include "model/loss.h"

#include <algorithm>

namespace expandft {
namespace {

/// The mean over the layers. Embedding, head and final norm are not divided among ranks.
double layer_parameters(const DecoderSpec& spec) {
  const std::int64_t ends =
      (spec.tied ? 1 : 2) * spec.vocab * spec.hidden + spec.hidden + layer_embedding_numbers(spec);
  return static_cast<double>(count_parameters(spec) - ends) / static_cast<double>(spec.layers);
}

/// Elements per token that one layer keeps for its backward pass: the inputs of its norms and the
/// sum between its blocks; queries, keys, values and the attention's output; and for each copy of
/// its MLP gate, up and the input.
double kept_numbers(const DecoderSpec& spec, std::int64_t layer, std::int64_t copies) {
  const std::int64_t norms = (spec.norms_after_blocks ? 6 : 4) * spec.hidden;
  const AttentionKind& kind = spec.attention(layer);
  const std::int64_t attention = 2 * (spec.heads + kind.kv_heads) * kind.head_dim;
  return static_cast<double>(norms + attention + copies * (2 * spec.width(layer) + spec.hidden));
}

}  // namespace

std::vector<MemoryItem> state_memory(const DecoderSpec& spec, std::int64_t trained_parameters,
                                     const MemoryLayout& layout) {
  const auto element = static_cast<double>(layout.element_bytes);
  const auto ranks = static_cast<double>(layout.ranks);
  const auto trained = static_cast<double>(trained_parameters);
  const double base =
      element * static_cast<double>(count_parameters(spec) - layer_embedding_numbers(spec));
  std::vector<MemoryItem> items;
  if (layout.shard_base && layout.ranks > 1) {
    const double layer = element * layer_parameters(spec);
    const double layers = layer * static_cast<double>(spec.layers);
    items.push_back({"base weights: embedding, head, and a share of the layers",
                     base - layers + layers / ranks});
    items.push_back({"two layers, gathered from all ranks", 2 * layer});
  } else {
    items.push_back({"base weights", base});
  }
  // A single rank casts its fp32 weights in a step. Several ranks hold cast weights, and each a
  // share of the fp32 masters.
  const bool has_masters = layout.ranks > 1 && layout.element_bytes < 4;
  items.push_back({has_masters ? "what trains, as computed with" : "what trains (float32)",
                   (has_masters ? element : 4) * trained});
  if (has_masters) items.push_back({"a share of what trains, in float32", 4 * trained / ranks});
  if (layout.ranks == 1 && layout.element_bytes < 4) {
    items.push_back({"what trains, cast to compute with", element * trained});
  }
  items.push_back({"its gradients", 4 * trained});
  items.push_back(
      {layout.ranks > 1 ? "a share of AdamW's moments" : "its AdamW moments", 8 * trained / ranks});
  if (layout.has_average) {
    items.push_back(
        {layout.ranks > 1 ? "a share of the average of the weights" : "the average of its weights",
         4 * trained / ranks});
  }
  return items;
}

double activation_bytes(const DecoderSpec& spec, const ExpansionPlan& plan,
                        const MemoryLayout& layout) {
  double kept = 0, largest = 0;  // elements per token
  for (std::int64_t i = plan.layers.front(); i < spec.layers; ++i) {
    const double of_layer = kept_numbers(spec, i, plan.grows(i) ? plan.copies : 1);
    kept += layout.checkpointing ? static_cast<double>(spec.hidden) : of_layer;
    largest = std::max(largest, of_layer);
  }
  // The backward pass of a layer adds as many gradients as it kept activations; with checkpointing
  // it has to compute these activations again first.
  const double numbers = kept + (layout.checkpointing ? 2 : 1) * largest;
  return numbers * static_cast<double>(layout.tokens * layout.element_bytes);
}

StepMemory step_memory(const Decoder& decoder, const AppliedMethod& method,
                       const TrainingConfig& training, int ranks) {
  const DecoderSpec& spec = decoder.spec();
  const auto element = static_cast<double>(at::elementSize(decoder.dtype()));
  const auto trained = static_cast<double>(count_trained_parameters(*method.adaptation));
  StepMemory memory;
  memory.state = 4 * trained + 8 * trained / ranks;
  if (element < 4) memory.state += element * trained + (ranks > 1 ? 4 * trained / ranks : 0);
  if (training.ema) memory.state += 4 * trained / ranks;

  const at::Tensor head = decoder.weights().head;
  const auto logits = static_cast<double>(head_chunk_rows(head) * head.size(0));
  // In a half precision: the logits, and their softmax and gradient in float32.
  memory.head = (element < 4 ? element + 8 : 4) * logits;
  // Tensors are marked as trainable only when the optimizer is made.
  const std::vector<Parameter> parameters = method.adaptation->parameters();
  const bool trains_head = std::ranges::any_of(parameters, [&](const Parameter& one) {
    return one.tensor.const_data_ptr() == head.const_data_ptr();
  });
  if (trains_head) memory.head += 8 * static_cast<double>(head.numel());

  // Every layer, as if the lowest trained one were expanded: a layer of LoRA keeps the inputs of
  // its updates too, about as much as another copy.
  const bool is_lora = method.lora != nullptr;
  double kept = 0, largest = 0;
  for (std::int64_t i = method.frozen_layers; i < spec.layers; ++i) {
    const bool grows = method.plan && method.plan->grows(i);
    const double of_layer = kept_numbers(spec, i, grows ? method.plan->copies : is_lora ? 2 : 1);
    kept += training.gradient_checkpointing ? static_cast<double>(spec.hidden) : of_layer;
    largest = std::max(largest, of_layer);
  }
  memory.token = element * (kept + (training.gradient_checkpointing ? 2 : 1) * largest);
  return memory;
}

}  // namespace expandft
