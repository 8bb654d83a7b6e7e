#include "formats/format.h"

#include "contract/error.h"
#include "formats/format_list.h"

namespace rlhf {

const std::vector<Format>& formats() {
  static const std::vector<Format> kFormats = {
      kOpenAssistant,
      kArgilla,
      kLabelStudio,
      kSummarizeFeedback,
      kSummarizeFeedbackAxis,
      kUltraFeedback,
      kArena,
      kAlpacaEval,
      kKwise,
      kKwiseColumns,
      kAnthropicHh,
      kTrlPreference,
      kTrlPreferenceImplicit,
      kRatings,
      kTrlUnpaired,
      kTrlPromptCompletion,
      kShareGpt,
      kAlpaca,
      kGsm8kSolutions,
      kGsm8k,
      kTrlLanguageModeling,
      kTrlPromptOnly,
  };
  return kFormats;
}

const Format* detect_format(const nlohmann::json& record) {
  if (!record.is_object()) return nullptr;
  for (const Format& format : formats()) {
    if (format.matches(record)) return &format;
  }
  return nullptr;
}

const Format& format_by_name(std::string_view name) {
  std::string names;
  for (const Format& format : formats()) {
    if (format.name == name) return format;
    names += (names.empty() ? "" : ", ") + std::string(format.name);
  }
  throw UserError("no data format is called '" + std::string(name) + "'; there are: " + names +
                  ", text, csv, tsv");
}

}  // namespace rlhf
