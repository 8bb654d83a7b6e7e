#pragma once
#include <cstddef>
#include <string>

#include "contract/prompt.h"

namespace rlhf {

/// One record of supervised data. Three forms, as TRL's data types name them:
/// language modelling {"text"}: `prompt` is empty, `completion` is the text, all of it is supervised;
/// prompt-completion {"prompt","completion"}: the completion is supervised;
/// conversational {"messages"}: `prompt.messages` holds every turn, `completion` is empty, and the assistant
/// turns from `first_supervised_message` on are supervised.
struct Demonstration {
  enum class Form { kText, kPromptCompletion, kConversation };
  Form form = Form::kText;
  Prompt prompt;
  std::string completion;
  std::size_t first_supervised_message = 0;  ///< kConversation only
  std::string origin;                        ///< "file:line" or "db:row", for messages
};

}  // namespace rlhf
