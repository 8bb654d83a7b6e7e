#pragma once
#include "formats/format.h"

namespace rlhf {

// The rows of the table of formats, each defined in the file of its name.
extern const Format kTrlLanguageModeling;
extern const Format kTrlPromptOnly;
extern const Format kTrlPromptCompletion;
extern const Format kTrlPreference;
extern const Format kTrlPreferenceImplicit;
extern const Format kTrlUnpaired;
extern const Format kAnthropicHh;
extern const Format kKwise;
extern const Format kOpenAssistant;
extern const Format kShareGpt;

}  // namespace rlhf
