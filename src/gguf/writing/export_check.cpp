#include "base/error.h"
#include "families/model_config.h"
#include "gguf/gguf_config.h"
#include "gguf/import.h"
#include "gguf/writing/export.h"
#include "tokenizer/tokenizer.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <optional>
#include <vector>

namespace expandft {
namespace {

/// Whether two numbers are the same in fp32, as GGUF stores them.
bool is_near(double a, double b) {
  return std::abs(a - b) <= 1e-6 * std::max({std::abs(a), std::abs(b), 1e-30});
}
bool is_near(const std::optional<double>& a, const std::optional<double>& b) {
  return a.has_value() == b.has_value() && (!a || is_near(*a, *b));
}
bool is_near(const std::vector<double>& a, const std::vector<double>& b) {
  return std::ranges::equal(a, b, [](double x, double y) { return is_near(x, y); });
}

/// A factor of 1 scales nothing.
RopeScaling scaling_of(const RopeSpec& rope) {
  const bool is_plain = rope.scaling == RopeScaling::kLinear && rope.factor == 1;
  return is_plain ? RopeScaling::kNone : rope.scaling;
}

bool is_same_rope(const RopeSpec& a, const RopeSpec& b) {
  if (scaling_of(a) != scaling_of(b) || !is_near(a.theta, b.theta)) return false;
  if (scaling_of(a) == RopeScaling::kNone) return true;
  const bool has_original = a.scaling != RopeScaling::kLinear;
  const bool has_factor = a.scaling != RopeScaling::kLongRope;  // there, the lists are
  return (!has_factor || is_near(a.factor, b.factor)) &&
         (!has_original || a.original_max_positions == b.original_max_positions) &&
         is_near(a.attention_factor, b.attention_factor) &&
         is_near(a.low_freq_factor, b.low_freq_factor) &&
         is_near(a.high_freq_factor, b.high_freq_factor) && is_near(a.beta_fast, b.beta_fast) &&
         is_near(a.beta_slow, b.beta_slow) && a.truncate == b.truncate &&
         is_near(a.short_factor, b.short_factor) && is_near(a.long_factor, b.long_factor);
}

/// A window as long as the context is none.
std::optional<std::int64_t> window_of(const DecoderSpec& spec, std::int64_t layer) {
  const auto window = spec.attention(layer).window;
  return window && *window < spec.max_positions ? window : std::nullopt;
}

/// What one spec computes and another does not; empty if they compute the same.
std::string difference_of(const DecoderSpec& a, const DecoderSpec& b) {
  if (a.vocab != b.vocab || a.hidden != b.hidden || a.layers != b.layers) return "sizes";
  if (a.heads != b.heads || a.kv_heads != b.kv_heads || a.head_dim != b.head_dim ||
      a.attention(0).rotary_dim != b.attention(0).rotary_dim) {
    return "sizes of heads";
  }
  if (a.max_positions != b.max_positions) return "context";
  if (!is_near(a.norm_eps, b.norm_eps)) return "epsilon of norms";
  if (!is_near(a.query_scale, b.query_scale)) return "scale of queries";
  if (!is_near(a.embedding_scale, b.embedding_scale)) return "scale of embeddings";
  if (!is_near(a.residual_scale, b.residual_scale)) return "scale of residuals";
  if (!is_near(a.logit_scale, b.logit_scale)) return "scale of logits";
  if (!is_near(a.attention_softcap, b.attention_softcap)) return "soft cap of attention";
  if (!is_near(a.logit_softcap, b.logit_softcap)) return "soft cap of logits";
  if (a.activation != b.activation) return "activation";
  if (a.norm != b.norm || a.norms_after_blocks != b.norms_after_blocks ||
      a.query_key_norm != b.query_key_norm) {
    return "norms";
  }
  if (a.qkv_bias != b.qkv_bias || a.output_bias != b.output_bias || a.mlp_bias != b.mlp_bias) {
    return "biases";
  }
  if (a.fused_projections != b.fused_projections) return "fused projections";
  if (a.tied != b.tied) return "tied head";
  for (std::int64_t i = 0; i < a.layers; ++i) {
    const std::string layer = " of layer " + std::to_string(i);
    if (a.width(i) != b.width(i)) return "MLP width" + layer;
    if (window_of(a, i) != window_of(b, i)) return "window" + layer;
    if (!is_same_rope(a.attention(i).rope, b.attention(i).rope)) return "RoPE" + layer;
  }
  return {};
}

/// Spaces, digits, scripts, line ends, contractions, code, signs, emoji, and texts that begin or
/// end in white space.
constexpr std::array kTriedTexts = {
    "",
    "a",
    "The quick brown fox jumps over the lazy dog.",
    " leading space",
    "trailing space ",
    "two  spaces,   three,    four",
    "line\nbreaks\n\nand\ttabs\r\n  indented",
    "It's what they've said: I'll go, we're late, she'd know. DON'T SHOUT, HE'LL HEAR",
    "1 12 123 1234 12345 3.14159 1,000,000 2024-05-17",
    "for (int i = 0; i < n; ++i) { sum += x[i] * 0x1F; }  // done",
    "Zürich, naïve, façade, œuvre, Straße",
    "Привет, мир! Как дела?",
    "日本語のテキストと漢字。中文也在这里。",
    "안녕하세요 세계",
    "مرحبا بالعالم",
    "नमस्ते दुनिया",
    "emoji: 🙂🚀👩‍👩‍👧 and signs: §±≠∞ ©",
    "<not a tag> [neither] {this} |or| that",
    "http://example.com/a_b?c=d&e=f#g",
    "....---===***!!!???",
    "\n\n\n",
    "        ",
};

Notices tokenizer_notices(const GgufFile& file, const GgufExport& from, const fs::path& scratch) {
  write_gguf_tokenizer(file, scratch);
  const auto read = Tokenizer::load(scratch);
  const auto original = Tokenizer::load(from.model().tokenizer);
  const auto notice = [&](const std::string& what) {
    return Notices{{what, file.path().string(),
                    "compare what llama.cpp makes of your texts: its ids may be the file's"}};
  };
  for (const char* const text : kTriedTexts) {
    const EncodeOptions options{.bos = original->adds_bos(), .eos = original->adds_eos()};
    const EncodeOptions read_options{.bos = read->adds_bos(), .eos = read->adds_eos()};
    if (original->encode(text, options) == read->encode(text, read_options)) continue;
    return notice("the tokenizer in the file has other ids than the model's for the text " +
                  json_excerpt(Json(text)));
  }
  if (original->bos() != read->bos() || original->eos() != read->eos()) {
    return notice("the tokenizer in the file has another BOS or EOS than the model's");
  }
  return {};
}

}  // namespace

Notices check_gguf_parts(const fs::path& written, const GgufExport& from, const fs::path& scratch) {
  const GgufFile file = GgufFile::open(written);
  Notices ignored;
  const Json config = gguf_model_config(file, "float32", ignored);
  const DecoderSpec back = read_spec(config, written.string());
  if (const std::string what = difference_of(from.spec(), back); !what.empty()) {
    throw failure("the GGUF file does not say what the model computes: its " + what + " differ",
                  from.model().where, "nothing was written; report this");
  }
  return tokenizer_notices(file, from, scratch);
}

}  // namespace expandft
