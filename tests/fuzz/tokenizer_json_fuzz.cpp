#include "base/error.h"
#include "base/json.h"
#include "text/json_tokenizer.h"
#include "text/stream_decoder.h"

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

using namespace expandft;

namespace {

constexpr std::string_view kText =
    " Hello  world's 1234<s>\u00e9\u0301\u4f60\u597d\U0001f469\u200d\U0001f4bb\r\n\n\t_-__"
    "\xff\xe2\x96 </s> ab \u2581\u2581a.";

}  // namespace

// A tokenizer.json from outside. What is accepted gives ids that are its own, and the same text
// from them in one piece as token by token.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view file(reinterpret_cast<const char*>(data), size);
  try {
    const JsonTokenizer tokenizer(file, "fuzz", {});
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
  } catch (const Error& error) {
    if (error.code() != ExitCode::kBadInput || error.message().empty()) std::abort();
    Json(error.what()).dump();  // throws on invalid UTF-8
  }
  return 0;
}
