#pragma once

#include "chat/chat_template.h"

namespace expandft {

/// The format that a published template writes. It is recognised by pieces of text that the known
/// templates have and others lack; Jinja is never run, since it is code. Input error for an unknown
/// template.
ChatFormat recognise_chat_template(const ChatTemplate& chat_template);

}  // namespace expandft
