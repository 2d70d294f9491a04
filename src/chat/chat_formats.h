#pragma once

#include "chat/chat_format.h"

#include <string>
#include <string_view>
#include <vector>

namespace expandft {

/// All formats, by name.
const std::vector<ChatFormat>& chat_formats();
/// nullptr if there is no format of that name.
const ChatFormat* find_chat_format(std::string_view name);
/// The format with the tokens' texts in place of "{bos}" and "{eos}".
ChatFormat with_tokens(ChatFormat format, const std::string& bos, const std::string& eos);

}  // namespace expandft
