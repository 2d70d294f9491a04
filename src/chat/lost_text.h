#pragma once

#include "chat/conversation_template.h"
#include "chat/rendered_chat.h"

#include <string>

namespace expandft {

/// Refuses, at `where`, a conversation of which the template leaves something out in silence: the
/// text of a message, tools, tool calls, and the reasoning of an answer that is learned. `chat` is
/// what render_conversation made of it.
void check_nothing_is_lost(const ConversationTemplate& conversation, const Conversation& given,
                           const RenderedChat& chat, const std::string& where);

/// The same for a prompt's text: messages and tools.
void check_nothing_is_lost(const ConversationTemplate& conversation, const Conversation& given,
                           std::string_view text, const std::string& where);

}  // namespace expandft
