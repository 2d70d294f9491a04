#include "gguf/writing/gguf_target.h"

#include "base/error.h"
#include "base/wording.h"
#include "families/deci.h"

#include <algorithm>
#include <cmath>

namespace expandft {
namespace {

/// What an architecture of llama.cpp computes.
struct TargetRules {
  std::string_view family, architecture;
  bool permutes = false, adds_one = false;
  std::int64_t window_period = 0;
  // The depth of the one size whose queries are scaled by hidden / heads and not by head_dim.
  std::int64_t largest_layers = 0;
  bool is_gelu = false;
  bool has_query_bias = false, has_other_biases = false;
  bool has_llama3_rope = false, has_long_rope = false, has_yarn = false, has_linear = false;
  bool has_own_head = true;
  bool caps_attention = false, caps_logits = false;
  bool has_multipliers = false;
  std::int64_t unrotated_period = 0;  // every n-th layer has no RoPE; 0: each has
};

constexpr TargetRules kTargets[] = {
    {.family = "llama",
     .architecture = "llama",
     .permutes = true,
     .has_query_bias = true,
     .has_other_biases = true,
     .has_llama3_rope = true,
     .has_yarn = true,
     .has_linear = true},
    {.family = "mistral",
     .architecture = "llama",
     .permutes = true,
     .has_yarn = true,
     .has_linear = true},
    {.family = "granite",
     .architecture = "granite",
     .permutes = true,
     .has_query_bias = true,
     .has_other_biases = true,
     .has_yarn = true,
     .has_linear = true,
     .has_multipliers = true},
    {.family = "smollm3",
     .architecture = "smollm3",
     .permutes = true,
     .has_yarn = true,
     .has_linear = true,
     .unrotated_period = 4},
    {.family = kDeciModelType, .architecture = "deci", .permutes = true, .has_llama3_rope = true},
    {.family = "qwen2",
     .architecture = "qwen2",
     .has_query_bias = true,
     .has_yarn = true,
     .has_linear = true},
    {.family = "qwen3", .architecture = "qwen3", .has_yarn = true, .has_linear = true},
    {.family = "phi3", .architecture = "phi3", .has_long_rope = true},
    {.family = "gemma",
     .architecture = "gemma",
     .adds_one = true,
     .is_gelu = true,
     .has_own_head = false},
    {.family = "gemma2",
     .architecture = "gemma2",
     .adds_one = true,
     .window_period = 2,
     .largest_layers = 46,
     .is_gelu = true,
     .has_own_head = false,
     .caps_attention = true,
     .caps_logits = true},
    {.family = "gemma3_text",
     .architecture = "gemma3",
     .adds_one = true,
     .window_period = 6,
     .largest_layers = 62,
     .is_gelu = true,
     .has_linear = true,
     .caps_logits = true},
    {.family = "gemma3",
     .architecture = "gemma3",
     .adds_one = true,
     .window_period = 6,
     .largest_layers = 62,
     .is_gelu = true,
     .has_linear = true},
};

class TargetCheck {
 public:
  TargetCheck(const DecoderSpec& spec, const TargetRules& rules, const std::string& where)
      : spec_(spec), rules_(rules), where_(where) {}

  void run() const {
    check_biases();
    check_scales();
    check_windows();
    check_rope();
    if (spec_.activation != (rules_.is_gelu ? Activation::kGeluTanh : Activation::kSilu)) {
      refuse("this activation");
    }
    if (!rules_.has_own_head && !spec_.tied) refuse("a head of its own");
  }

 private:
  [[noreturn]] void refuse(const std::string& what) const {
    throw input_error("GGUF cannot hold this " + spec_.family + " model: llama.cpp's \"" +
                          std::string(rules_.architecture) + "\" does not compute " + what,
                      where_, "write a Hugging Face directory: --format huggingface");
  }

  void check_biases() const {
    if (spec_.qkv_bias && !rules_.has_query_bias) refuse("biases of queries, keys and values");
    if (spec_.output_bias && !rules_.has_other_biases) refuse("a bias after attention");
    if (spec_.mlp_bias && !rules_.has_other_biases) refuse("biases in the MLP");
  }

  void check_scales() const {
    const bool is_largest = rules_.largest_layers == spec_.layers;
    const std::int64_t scalar = is_largest ? spec_.hidden / spec_.heads : spec_.head_dim;
    const double expected = 1 / std::sqrt(static_cast<double>(scalar));
    if (!rules_.has_multipliers && (spec_.residual_scale != 1 || spec_.logit_scale != 1)) {
      refuse("multipliers");
    }
    if (rules_.has_multipliers && spec_.head_dim * spec_.heads != spec_.hidden) {
      refuse("heads of another size than hidden_size / num_attention_heads");
    }
    if (!rules_.has_multipliers && std::abs(spec_.query_scale - expected) > 1e-9 * expected) {
      refuse("a query_pre_attn_scalar other than " + std::to_string(scalar));
    }
    if (spec_.attention_softcap.has_value() != rules_.caps_attention) {
      refuse(rules_.caps_attention ? "it without attn_logit_softcapping"
                                   : "attn_logit_softcapping");
    }
    if (spec_.logit_softcap && !rules_.caps_logits) refuse("final_logit_softcapping");
    if (rules_.caps_attention && !spec_.logit_softcap) refuse("it without final_logit_softcapping");
    if (!gguf_holds_widths(spec_) && std::ranges::any_of(spec_.layer_widths, [&](std::int64_t w) {
          return w != spec_.layer_widths.front();
        })) {
      refuse("layers whose MLPs have different widths (layout \"padded\" makes them equal)");
    }
  }

  void check_windows() const {
    bool some = false;
    for (std::int64_t i = 0; i < spec_.layers; ++i) {
      const auto window = spec_.attention(i).window;
      some = some || window.has_value();
      if (window && *window < spec_.max_positions && rules_.window_period == 0 &&
          spec_.family != "phi3") {
        refuse("windowed attention");
      }
    }
    if (rules_.window_period > 0 && !some) refuse("it without windowed attention");
  }

  void check_rope() const {
    for (std::int64_t i = 0; i < spec_.layers; ++i) {
      const std::int64_t period = rules_.unrotated_period;
      if (spec_.attention(i).rotates != (period == 0 || (i + 1) % period != 0)) {
        refuse("RoPE in these layers");
      }
    }
    if (spec_.attention(0).rotary_dim != spec_.head_dim && !rules_.has_long_rope) {
      refuse("RoPE over a part of each head");
    }
    for (const AttentionKind& kind : spec_.attention_kinds) {
      const RopeSpec& rope = kind.rope;
      const RopeSpec plain;
      const bool is_full = !kind.window || rules_.window_period == 0;
      switch (rope.scaling) {
        case RopeScaling::kNone:
          break;
        case RopeScaling::kLinear:
          if (!rules_.has_linear || !is_full) refuse("linearly scaled RoPE");
          break;
        case RopeScaling::kLlama3:
          if (!rules_.has_llama3_rope) refuse("RoPE scaled by Llama 3's rule");
          // The factors of all frequencies are written; expandft reads them back as this rule.
          if (rope.low_freq_factor != 1 || rope.high_freq_factor != 4 ||
              rope.original_max_positions != 8192) {
            refuse("Llama 3's RoPE with other numbers than 1, 4 and 8192 positions");
          }
          break;
        case RopeScaling::kYarn: {
          const double usual = rope.factor <= 1 ? 1 : 0.1 * std::log(rope.factor) + 1;
          if (!rules_.has_yarn) refuse("YaRN");
          if (rope.beta_fast != plain.beta_fast || rope.beta_slow != plain.beta_slow ||
              !rope.truncate || std::abs(rope.attention_factor - usual) > 1e-9) {
            refuse("YaRN with other numbers than its usual ones");
          }
          break;
        }
        case RopeScaling::kLongRope:
          if (!rules_.has_long_rope) refuse("LongRoPE");
          break;
        case RopeScaling::kProportional:
          refuse("proportional RoPE");
      }
      if (rules_.architecture != "gemma3" && rope != spec_.attention_kinds.front().rope) {
        refuse("RoPE that differs between layers");
      }
    }
  }

  const DecoderSpec& spec_;
  const TargetRules& rules_;
  const std::string& where_;
};

}  // namespace

bool gguf_holds_widths(const DecoderSpec& spec) {
  return (spec.family == "llama" || spec.family == "mistral" || spec.family == kDeciModelType) &&
         deci_obstacle(spec).empty();
}

GgufTarget gguf_target(const DecoderSpec& spec, const std::string& where, Notices& notices) {
  const auto* const found = std::ranges::find(kTargets, spec.family, &TargetRules::family);
  if (found == std::end(kTargets)) {
    std::vector<std::string> known;
    for (const TargetRules& rules : kTargets) known.emplace_back(rules.family);
    throw input_error("GGUF files are not written for the family \"" + spec.family +
                          "\", expected one of " + quoted_list(known),
                      where, "write a Hugging Face directory: --format huggingface");
  }
  const bool differ = std::ranges::any_of(
      spec.layer_widths, [&](std::int64_t width) { return width != spec.layer_widths.front(); });
  const std::string_view wanted =
      differ && gguf_holds_widths(spec) ? kDeciModelType : found->family;
  const TargetRules& rules = *std::ranges::find(kTargets, wanted, &TargetRules::family);
  TargetCheck(spec, rules, where).run();
  const auto window = spec.attention(0).window;
  if (spec.family == "phi3" && window && *window < spec.max_positions) {
    notices.push_back({"llama.cpp computes Phi-3 without its window of " +
                           counted(*window, "token") + ": it answers differently beyond it",
                       where, "keep contexts shorter than the window there"});
  }
  return {std::string(rules.architecture), rules.permutes, rules.adds_one, rules.window_period};
}

}  // namespace expandft
