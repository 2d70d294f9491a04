#include "fuzz.h"
#include "tokenizer/generated_text.h"
#include "tokenizer/json_tokenizer.h"

using namespace expandft;

namespace {

constexpr std::string_view kText =
    " Hello  world's 1234<s>\u00e9\u0301\u4f60\u597d\U0001f469\u200d\U0001f4bb\r\n\n\t_-__"
    "\xff\xe2\x96 </s> ab \u2581\u2581a.";

}  // namespace

// An untrusted tokenizer.json. If it is accepted, texts get ids of its vocabulary, and decoding
// them at once gives the same text as decoding token by token.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  fuzz::expect_input_error([&] {
    const JsonTokenizer tokenizer(fuzz::as_text(data, size), "fuzz", {});
    const auto ids = tokenizer.encode(kText, {.bos = true, .eos = true});
    StreamDecoder stream(tokenizer);
    std::string streamed;
    for (const TokenId id : ids) {
      if (id < 0 || id >= tokenizer.size()) std::abort();
      streamed += stream.push(id);
      tokenizer.token(id);
    }
    streamed += stream.finish();
    const std::string decoded = tokenizer.decode(ids, true);
    const bool same = tokenizer.replacing() != Replacing::kEachSubpart || streamed == decoded;
    if (!same || find_invalid_utf8(decoded) != decoded.npos) std::abort();
    tokenizer.encode(kText, {.special_tokens = false, .continuation = true});
  });
  return 0;
}
