#include "data/quality.h"

#include "data/ledger_names.h"
#include "label_quality/annotator_pairs.h"
#include "label_quality/known_answer.h"
#include "label_quality/krippendorff_alpha.h"
#include "label_quality/pair_agreement.h"
#include "label_quality/position_bias.h"
#include "storage/given_answers.h"
#include "storage/gold_tasks.h"

namespace rlhf {

namespace {

void add_prompt(const VoteTable& of_prompt, PairQuality& quality) {
  quality.votes += of_prompt;
  quality.alike.add(static_cast<double>(of_prompt.alike()), static_cast<double>(of_prompt.compared()));
  quality.told_alike.add(static_cast<double>(of_prompt.told_alike()),
                         static_cast<double>(of_prompt.told_apart()));
}

/// Takes the rankings in, one prompt after the other.
class RankingQuality {
 public:
  RankingQuality(LabelQuality& quality, std::map<int64_t, KnownRanks> gold, std::size_t disagreements,
                 int64_t only)
      : quality_(quality), gold_(std::move(gold)), pairs_(only), disagreements_(disagreements, only) {
    quality_.gold_tasks = static_cast<int64_t>(gold_.size());
  }

  void add_prompt(std::vector<RankedAnswer>&& answers) {
    for (const RankedAnswer& answer : answers) {
      add_answer(answer, quality_.everybody);
      if (answer.annotator_id == 0)
        ++quality_.rankings_of_nobody;
      else
        add_answer(answer, quality_.annotators[answer.annotator_id]);
      if (answer.took_ms && answer.annotator_id != 0)
        times_.push_back({answer.annotation_id, answer.annotator_id, static_cast<double>(*answer.took_ms)});
    }
    add_agreement(answers);
    disagreements_.add_prompt(std::move(answers));
  }

  void finish() {
    quality_.rankings = quality_.everybody.rankings;
    quality_.alpha_nominal = krippendorff_alpha(units_, Level::kNominal);
    quality_.alpha_ordinal = krippendorff_alpha(units_, Level::kOrdinal);
    quality_.annotator_pairs = pairs_.tables();
    quality_.crowded_pairs = pairs_.left_out();
    quality_.disagreements = disagreements_.worst();
    quality_.time_outliers = time_outliers(times_);
    for (const TimeOutlier& outlier : quality_.time_outliers)
      for (AnnotatorQuality* who : {&quality_.everybody, &quality_.annotators[outlier.answer.annotator_id]})
        ++(outlier.fast ? who->fast : who->slow);
  }

 private:
  void add_answer(const RankedAnswer& answer, AnnotatorQuality& who) {
    ++who.rankings;
    add_first_wins(answer, who.first_wins);
    if (answer.took_ms) who.times_ms.push_back(static_cast<double>(*answer.took_ms));
    const auto known = gold_.find(answer.task_id);
    if (known == gold_.end()) return;
    const CheckResult check = check_answer(answer, known->second);
    who.checks.add(static_cast<double>(check.right), static_cast<double>(check.pairs));
    if (check.right == check.pairs) ++who.checks_all_right;
  }

  void add_agreement(const std::vector<RankedAnswer>& answers) {
    PairAgreement of_prompt;
    for_each_voted_pair(answers, [&](const std::vector<Vote>& votes) {
      of_prompt.add(votes);
      pairs_.add(votes);
      add_both_directions(votes, units_);
    });
    rlhf::add_prompt(of_prompt.all(), quality_.agreement);
    for (const auto& [annotator, votes] : of_prompt.by_annotator())
      rlhf::add_prompt(votes, quality_.annotators[annotator].agreement);
  }

  LabelQuality& quality_;
  std::map<int64_t, KnownRanks> gold_;
  Units units_;
  AnnotatorPairs pairs_;
  Disagreements disagreements_;
  std::vector<AnswerTime> times_;
};

void keep_only(int64_t annotator, LabelQuality& quality) {
  std::erase_if(quality.annotators, [&](const auto& who) { return who.first != annotator; });
  std::erase_if(quality.time_outliers,
                [&](const TimeOutlier& outlier) { return outlier.answer.annotator_id != annotator; });
  for (auto& [about, ratings] : quality.ratings)
    std::erase_if(ratings.raters, [&](const auto& who) { return who.first != annotator; });
}

/// The texts of what is to be looked at.
void read_texts(Database& database, LabelQuality& quality) {
  const auto read = [&](int64_t prompt, int64_t response) {
    if (!quality.prompts.contains(prompt)) quality.prompts[prompt] = prompt_with_id(database, prompt);
    if (!quality.responses.contains(response))
      quality.responses[response] = response_text(database, response);
  };
  for (const Disagreement& disagreement : quality.disagreements)
    for (const RankedAnswer::Item& item : disagreement.answers.front().items)
      read(disagreement.answers.front().prompt_id, item.response_id);
  for (const auto& [about, ratings] : quality.ratings)
    for (const RatingAgreement::Disputed& disputed : ratings.disputed)
      read(disputed.prompt_id, disputed.response_id);
}

}  // namespace

std::string LabelQuality::handle(int64_t annotator) const {
  const auto found = handles.find(annotator);
  return found == handles.end() ? std::string() : found->second;
}

std::string LabelQuality::why_no_agreement() const {
  if (agreement.votes.compared() > 0) return "";
  if (rankings == 0) return "no ranking counts here";
  if (people == 0) return "no ranking names its annotator, so nobody can agree";
  if (people == 1) return "all rankings that name their annotator are by one person; agreement needs two";
  return "no two people ranked the same responses; `rlhf annotate --overlap 2` lets two people answer each "
         "task "
         "of a new campaign";
}

LabelQuality label_quality(Database& database, const QualityOptions& options) {
  LabelQuality quality;
  const int64_t campaign = campaign_named(database, options.campaign);
  const AnswerSelection selection{campaign, options.source, 0};
  const int64_t only = annotator_named(database, options.annotator);
  RankingQuality rankings(quality, gold_tasks(database, campaign), options.disagreements, only);
  for_each_answered_prompt(database, selection, [&](std::vector<RankedAnswer>&& answers) {
    rankings.add_prompt(std::move(answers));
  });
  rankings.finish();
  quality.people = static_cast<int64_t>(quality.annotators.size());
  std::map<RatedAspect, std::vector<GivenRating>> ratings;
  for_each_rating(database, selection, [&](const RatedAspect& about, const GivenRating& rating) {
    ratings[about].push_back(rating);
  });
  for (auto& [about, given] : ratings)
    quality.ratings[about] = rating_agreement(std::move(given), options.disagreements);
  quality.handles = annotator_handles(database);
  read_texts(database, quality);
  if (only != 0) keep_only(only, quality);
  return quality;
}

}  // namespace rlhf
