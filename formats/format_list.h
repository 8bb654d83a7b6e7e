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
extern const Format kRatings;
extern const Format kAnthropicHh;
extern const Format kKwise;
extern const Format kKwiseColumns;
extern const Format kOpenAssistant;
extern const Format kShareGpt;
extern const Format kSummarizeFeedback;
extern const Format kSummarizeFeedbackAxis;
extern const Format kUltraFeedback;
extern const Format kArena;
extern const Format kAlpaca;
extern const Format kAlpacaEval;
extern const Format kGsm8k;
extern const Format kGsm8kSolutions;
extern const Format kLabelStudio;
extern const Format kArgilla;

}  // namespace rlhf
