// What label_quality() found, in words.
#include <algorithm>
#include <cstdio>

#include "data/quality.h"

namespace rlhf {

namespace {

constexpr std::size_t kAnnotatorsShown = 20;
constexpr std::size_t kOutliersShown = 10;
constexpr std::size_t kCharactersShown = 200;

std::string fixed(double value, int digits) {
  char text[64];
  std::snprintf(text, sizeof text, "%.*f", digits, value);
  return text;
}

std::string fixed(const std::optional<double>& value, int digits) {
  return value ? fixed(*value, digits) : "-";
}

std::string percent(const ClusteredShare& counted) {
  return counted.of() == 0 ? "-" : fixed(100 * counted.share().value, 1) + " %";
}

/// "78.3 % (74.1 to 82.0) of 1120"
std::string with_interval(const ClusteredShare& counted) {
  const Share share = counted.share();
  return fixed(100 * share.value, 1) + " % (" + fixed(100 * share.low, 1) + " to " +
         fixed(100 * share.high, 1) + ") of " + fixed(counted.of(), 0);
}

/// One line of a terminal, cut: white space and control characters become spaces, so that a text cannot steer
/// the terminal.
std::string on_one_line(const std::string& text) {
  std::string line;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    const bool space = byte <= 0x20 || byte == 0x7F;
    if (!space || (!line.empty() && line.back() != ' ')) line += space ? ' ' : c;
  }
  if (line.size() <= kCharactersShown) return line;
  std::size_t end = kCharactersShown;
  while (end > 0 && (static_cast<unsigned char>(line[end]) & 0xC0) == 0x80) --end;
  return line.substr(0, end) + "...";
}

std::string last_turn(const Prompt& prompt) {
  return on_one_line(prompt.is_chat() ? prompt.messages.back().content : prompt.text);
}

std::string row(const std::string& name, const std::vector<std::string>& cells) {
  std::string line = on_one_line(name);
  line.resize(std::max<std::size_t>(line.size(), 24), ' ');
  for (const std::string& cell : cells)
    line += std::string(cell.size() < 12 ? 12 - cell.size() : 1, ' ') + cell;
  return line + '\n';
}

std::string rankings_text(const LabelQuality& quality) {
  std::string text =
      std::to_string(quality.rankings) + " rankings by " + std::to_string(quality.people) + " annotators";
  if (quality.rankings_of_nobody > 0)
    text += ", " + std::to_string(quality.rankings_of_nobody) + " by nobody known";
  text += "\n\n";
  if (const std::string why = quality.why_no_agreement(); !why.empty()) {
    text += "no agreement: " + why + "\n";
  } else {
    text += "same order, ties left out        " + with_interval(quality.agreement.told_alike) +
            " pairs of votes\n"
            "same order or both tied          " +
            with_interval(quality.agreement.alike) +
            "\n"
            "Krippendorff's alpha             " +
            fixed(quality.alpha_nominal, 3) + ", with a tie half way " + fixed(quality.alpha_ordinal, 3) +
            '\n';
  }
  if (quality.everybody.first_wins.of() > 0)
    text += "what is shown first wins         " + with_interval(quality.everybody.first_wins) + " pairs\n";
  if (quality.everybody.checks.of() > 0)
    text += "checks, pairs that are right     " + with_interval(quality.everybody.checks) + ", " +
            std::to_string(quality.gold_tasks) + " tasks\n";
  return text;
}

/// Those who agree least with the others first.
std::vector<std::pair<int64_t, const AnnotatorQuality*>> by_agreement(const LabelQuality& quality) {
  std::vector<std::pair<int64_t, const AnnotatorQuality*>> sorted;
  for (const auto& [id, who] : quality.annotators) sorted.emplace_back(id, &who);
  std::stable_sort(sorted.begin(), sorted.end(), [](const auto& x, const auto& y) {
    const auto share = [](const AnnotatorQuality& who) {
      return who.agreement.told_alike.of() == 0 ? 2 : who.agreement.told_alike.share().value;
    };
    return share(*x.second) < share(*y.second);
  });
  return sorted;
}

std::string and_more(std::size_t all, std::size_t shown) {
  return all > shown ? "and " + std::to_string(all - shown) + " more, on standard output\n" : "";
}

std::string annotators_text(const LabelQuality& quality) {
  if (quality.annotators.empty()) return "";
  std::string text = '\n' + row("annotator", {"rankings", "agrees", "kappa", "first wins", "checks",
                                              "seconds", "fast", "slow"});
  const auto sorted = by_agreement(quality);
  for (std::size_t i = 0; i < std::min(sorted.size(), kAnnotatorsShown); ++i) {
    const AnnotatorQuality& who = *sorted[i].second;
    text += row(quality.handle(sorted[i].first),
                {std::to_string(who.rankings), percent(who.agreement.told_alike),
                 fixed(who.agreement.votes.kappa(KappaWeights::kNone), 3), percent(who.first_wins),
                 percent(who.checks), who.times_ms.empty() ? "-" : fixed(median(who.times_ms) / 1000, 1),
                 std::to_string(who.fast), std::to_string(who.slow)});
  }
  return text + and_more(sorted.size(), kAnnotatorsShown);
}

std::string outliers_text(const LabelQuality& quality) {
  if (quality.time_outliers.empty()) return "";
  std::string text = "\nanswers in no plausible time\n";
  for (std::size_t i = 0; i < std::min(quality.time_outliers.size(), kOutliersShown); ++i) {
    const TimeOutlier& outlier = quality.time_outliers[i];
    text += "  annotation " + std::to_string(outlier.answer.annotation_id) + " by " +
            on_one_line(quality.handle(outlier.answer.annotator_id)) + ": " +
            fixed(outlier.answer.ms / 1000, 1) + " s, the median " +
            (outlier.beside_own ? "of theirs" : "of all") + " is " + fixed(outlier.median_ms / 1000, 1) +
            " s\n";
  }
  return text + and_more(quality.time_outliers.size(), kOutliersShown);
}

std::string disagreements_text(const LabelQuality& quality) {
  if (quality.disagreements.empty()) return "";
  std::string text = "\nwhere people disagree most\n";
  for (const Disagreement& found : quality.disagreements) {
    text += "  " + fixed(100 * found.disagreement, 0) + " %, " + std::to_string(found.people) +
            " people: " + last_turn(quality.prompts.at(found.answers.front().prompt_id)) + '\n';
    for (std::size_t i = 0; i < found.answers.front().items.size(); ++i) {
      std::string ranks;
      for (const RankedAnswer& answer : found.answers)
        ranks += (ranks.empty() ? "" : ", ") + on_one_line(quality.handle(answer.annotator_id)) + " " +
                 std::to_string(answer.items[i].rank);
      text += "    " + ranks + ": " +
              on_one_line(quality.responses.at(found.answers.front().items[i].response_id)) + '\n';
    }
  }
  return text;
}

std::string ratings_text(const LabelQuality& quality) {
  if (quality.ratings.empty()) return "";
  std::string text =
      "\n" + row("ratings", {"ratings", "responses", "twice", "alike", "nominal", "ordinal", "interval"});
  for (const auto& [about, found] : quality.ratings) {
    const std::string name = about.source.empty() ? about.aspect : about.source + ", " + about.aspect;
    text +=
        row(name, {std::to_string(found.ratings), std::to_string(found.responses),
                   std::to_string(found.responses_rated_twice),
                   found.percent ? fixed(100 * *found.percent, 1) + " %" : "-", fixed(found.alpha_nominal, 3),
                   fixed(found.alpha_ordinal, 3), fixed(found.alpha_interval, 3)});
  }
  for (const auto& [about, found] : quality.ratings) {
    if (found.responses_rated_twice == 0)
      text += about.aspect + ": no response was rated by two people, so nobody can agree\n";
    else if (!found.disputed.empty())
      text += "\nmost disputed under " + about.aspect + (about.source.empty() ? "" : " of " + about.source) +
              ", with the deviation of its ratings\n";
    for (const RatingAgreement::Disputed& one : found.disputed)
      text +=
          "  " + fixed(one.deviation, 2) + "  " + on_one_line(quality.responses.at(one.response_id)) + '\n';
  }
  return text;
}

}  // namespace

std::string quality_text(const LabelQuality& quality, const QualityOptions& options) {
  std::string text;
  if (!options.campaign.empty()) text += "campaign " + options.campaign + ": ";
  if (quality.rankings == 0 && quality.ratings.empty())
    return text + "no ranking and no rating counts here\n";
  if (quality.rankings > 0)
    text += rankings_text(quality) + annotators_text(quality) + outliers_text(quality) +
            disagreements_text(quality);
  return text + ratings_text(quality);
}

}  // namespace rlhf
