#include "evaluate/reward_card_text.h"

#include <algorithm>
#include <cstdarg>
#include <cstdio>

#include "curves/terminal_plot.h"
#include "evaluate/one_line.h"

namespace rlhf {
namespace {

constexpr std::size_t kGroupsShown = 12;
constexpr std::size_t kMistakesShown = 5;
constexpr std::size_t kNameWidth = 30;
constexpr std::size_t kTextShown = 300;

[[gnu::format(printf, 1, 2)]] std::string print(const char* format, ...) {
  char text[256];
  va_list values;
  va_start(values, format);
  std::vsnprintf(text, sizeof(text), format, values);
  va_end(values);
  return text;
}

std::string padded(const std::string& text, std::size_t width) {
  const auto shown = static_cast<std::size_t>(characters(text));
  return text + std::string(width - std::min(shown, width), ' ');
}

std::string interval(const std::optional<Estimate>& estimate) {
  if (!estimate) return "-";
  return print("%.3f (%.3f to %.3f)", estimate->value, estimate->low, estimate->high);
}

std::string row(const std::string& name, const std::string& value) {
  return "  " + padded(name, kNameWidth) + "  " + value + "\n";
}

std::string heading(const std::string& text, const ReportOptions& terminal) {
  return "\n" + (terminal.color ? "\x1b[1m" + text + "\x1b[0m" : text) + "\n";
}

std::string in_words(std::string name) {
  std::replace(name.begin(), name.end(), '_', ' ');
  return name;
}

std::string accuracy_text(const RewardCard& card, const ReportOptions& terminal) {
  std::string text = heading("Accuracy, with 95 % intervals over prompts", terminal);
  text += row("all pairs", interval(card.accuracy.accuracy));
  for (const AccuracyGrouping& grouping : card.groupings) {
    if (grouping.groups.empty()) continue;
    text += "by " + in_words(grouping.by) + "\n";
    for (std::size_t i = 0; i < std::min(grouping.groups.size(), kGroupsShown); ++i) {
      const AccuracyGroup& group = grouping.groups[i];
      text += row(one_line(group.name, kNameWidth),
                  interval(group.accuracy.accuracy) + "  " + std::to_string(group.accuracy.pairs) + " pairs");
    }
    if (grouping.groups.size() > kGroupsShown)
      text += print("  and %zu more\n", grouping.groups.size() - kGroupsShown);
  }
  return text;
}

std::string ceiling_text(const HumanCeiling& ceiling, const ReportOptions& terminal) {
  std::string text = heading("People at the same task", terminal);
  if (!ceiling.left_out.empty()) return text + "  not known: " + ceiling.left_out + "\n";
  text += print("  on %lld pairs that several of %lld annotators judged, agreeing with\n",
                static_cast<long long>(ceiling.pairs), static_cast<long long>(ceiling.annotators));
  const auto line = [](const char* who, const std::string& person, const std::string& majority) {
    return row(who, padded(person, 26) + majority);
  };
  text += line("", "one person", "the majority of the others");
  text += line("the reward model", interval(ceiling.model_person), interval(ceiling.model_majority));
  text += line("another person", interval(ceiling.person_person), interval(ceiling.person_majority));
  text += line("the majority of the others", interval(ceiling.majority_person), "");
  return text;
}

PlotOptions plot_options(const std::string& title, const ReportOptions& terminal) {
  PlotOptions plot;
  plot.title = title;
  plot.width = std::min(terminal.width, 80);
  plot.height = 8;
  plot.color = terminal.color;
  plot.unicode = terminal.unicode;
  return plot;
}

std::string drawing(const std::vector<PlotLine>& lines, const PlotOptions& options) {
  std::string text;
  for (const std::string& line : plot_lines(lines, options)) text += line + "\n";
  for (std::size_t i = 0; i < lines.size(); ++i)
    text += (i == 0 ? std::string(11, ' ') : "   ") + plot_mark(i, options) + " " + lines[i].label;
  return text + "\n";
}

std::string calibration_text(const Calibration& calibration, const ReportOptions& terminal) {
  std::string text = heading("Calibration of sigmoid(difference of raw scores)", terminal);
  text += row("ECE", print("%.3f", calibration.ece));
  text += row("Brier score", print("%.3f (0.250 when it knows nothing)", calibration.brier));
  text += row("log loss", print("%.3f (0.693 when it knows nothing)", calibration.log_loss));
  PlotLine model{"the model", {}, {}}, perfect{"perfect", {0.5, 1}, {0.5, 1}};
  for (const ReliabilityBin& bin : calibration.bins) {
    model.x.push_back(bin.predicted);
    model.y.push_back(bin.observed);
  }
  return text + drawing({model, perfect}, plot_options("observed share over probability", terminal));
}

std::string scores_text(const ScoreHistogram& scores, const ReportOptions& terminal) {
  std::string text = heading("Scores, in deviations of the normaliser", terminal);
  PlotLine chosen{"chosen", {}, {}}, rejected{"rejected", {}, {}};
  for (auto& [line, part] : {std::pair(&chosen, &scores.chosen), std::pair(&rejected, &scores.rejected)}) {
    text += row(line->label, print("mean %.2f, deviation %.2f", part->mean, part->deviation));
    for (std::size_t i = 0; i < part->counts.size(); ++i) {
      line->x.push_back(scores.low + (static_cast<double>(i) + 0.5) * scores.width);
      line->y.push_back(static_cast<double>(part->counts[i]));
    }
  }
  return text + drawing({chosen, rejected}, plot_options("pairs over score", terminal));
}

std::string length_text(const LengthBias& length, const ReportOptions& terminal) {
  std::string text = heading("Length", terminal);
  if (length.pairs == 0) return text + "  not known: the two responses of every pair are equally long\n";
  text += row("people choose the longer", interval(length.people_longer));
  text += row("the model scores it higher", interval(length.model_longer));
  text += row("accuracy, longer chosen", interval(length.longer_accuracy));
  text += row("accuracy, shorter chosen", interval(length.shorter_accuracy));
  if (length.correlation) text += row("correlation of score, length", print("%.3f", *length.correlation));
  return text;
}

std::string prompt_text(const Prompt& prompt) {
  std::string text = prompt.text;
  for (const Message& message : prompt.messages) text += message.role + ": " + message.content + " ";
  return text;
}

std::string mistakes_text(const RewardCard& card, const ReportOptions& terminal) {
  if (card.mistakes.empty()) return "";
  std::string text = heading("Worst mistakes", terminal);
  for (std::size_t i = 0; i < std::min(card.mistakes.size(), kMistakesShown); ++i) {
    const Mistake& mistake = card.mistakes[i];
    const ScoredRanking& ranking = *mistake.pair.ranking;
    const std::string& annotator = ranking.provenance.annotator;
    text += "  " + ranking.ranking.origin + (annotator.empty() ? "" : ", " + one_line(annotator, 60)) +
            print(": given a probability of %.4f", mistake.probability);
    if (mistake.people_for + mistake.people_against > 1)
      text +=
          print(", %lld people for it, %lld against, %lld tied", static_cast<long long>(mistake.people_for),
                static_cast<long long>(mistake.people_against), static_cast<long long>(mistake.people_tied));
    text += "\n";
    const std::string prompt = prompt_text(ranking.ranking.prompt);
    if (!prompt.empty()) text += "    prompt          " + one_line(prompt, kTextShown) + "\n";
    for (const auto& [name, place] :
         {std::pair("chosen  ", mistake.pair.chosen), std::pair("rejected", mistake.pair.rejected)})
      text += print("    %s %6.2f ", name, ranking.scores[place].mean) +
              one_line(ranking.ranking.responses[place], kTextShown) + "\n";
  }
  return text;
}

std::string left_out_text(const RewardCard& card) {
  std::string text;
  for (const AccuracyGrouping& grouping : card.groupings)
    if (grouping.groups.empty())
      text += "  by " + in_words(grouping.by) + ": " + one_line(grouping.left_out, 200) + "\n";
  return text.empty() ? "" : "\nLeft out\n" + text;
}

}  // namespace

std::string reward_card_text(const RewardCard& card, const ReportOptions& terminal) {
  std::string text = heading("Report card of " + one_line(card.model, 200), terminal);
  text += print("  %lld pairs of %lld rankings, %lld prompts: ", static_cast<long long>(card.accuracy.pairs),
                static_cast<long long>(card.rankings), static_cast<long long>(card.accuracy.prompts)) +
          one_line(card.data, 200) + "\n";
  return text + accuracy_text(card, terminal) + ceiling_text(card.ceiling, terminal) +
         calibration_text(card.calibration, terminal) + length_text(card.length, terminal) +
         scores_text(card.scores, terminal) + mistakes_text(card, terminal) + left_out_text(card);
}

}  // namespace rlhf
