#include "label_quality/disagreements.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include "label_quality/pair_agreement.h"

namespace rlhf {

namespace {

bool worse(const Disagreement& x, const Disagreement& y) {
  if (x.disagreement != y.disagreement) return x.disagreement > y.disagreement;
  if (x.people != y.people) return x.people > y.people;
  return x.answers.front().annotation_id < y.answers.front().annotation_id;
}

std::vector<int64_t> responses_of(const RankedAnswer& answer) {
  std::vector<int64_t> ids;
  for (const RankedAnswer::Item& item : answer.items) ids.push_back(item.response_id);
  return ids;
}

/// One answer a person, the latest; nobody unknown.
std::vector<RankedAnswer> one_a_person(std::vector<RankedAnswer> answers) {
  std::sort(answers.begin(), answers.end(), [](const RankedAnswer& x, const RankedAnswer& y) {
    return std::pair(x.annotator_id, x.annotation_id) < std::pair(y.annotator_id, y.annotation_id);
  });
  std::vector<RankedAnswer> kept;
  for (RankedAnswer& answer : answers) {
    if (answer.annotator_id == 0) continue;
    if (!kept.empty() && kept.back().annotator_id == answer.annotator_id)
      kept.back() = std::move(answer);
    else
      kept.push_back(std::move(answer));
  }
  return kept;
}

}  // namespace

void Disagreements::add_prompt(std::vector<RankedAnswer> answers) {
  if (answers.size() < 2 || most_ == 0) return;
  std::stable_sort(answers.begin(), answers.end(), [](const RankedAnswer& x, const RankedAnswer& y) {
    return std::lexicographical_compare(
        x.items.begin(), x.items.end(), y.items.begin(), y.items.end(),
        [](const auto& a, const auto& b) { return a.response_id < b.response_id; });
  });
  for (auto begin = answers.begin(); begin != answers.end();) {
    const auto end = std::find_if(begin, answers.end(), [&](const RankedAnswer& answer) {
      return responses_of(answer) != responses_of(*begin);
    });
    if (end - begin >= 2) add_group({std::make_move_iterator(begin), std::make_move_iterator(end)});
    begin = end;
  }
}

void Disagreements::add_group(std::vector<RankedAnswer> answers) {
  Disagreement found;
  found.answers = one_a_person(std::move(answers));
  found.people = found.answers.size();
  const auto is_only = [&](const RankedAnswer& answer) { return answer.annotator_id == only_; };
  if (only_ != 0 && std::none_of(found.answers.begin(), found.answers.end(), is_only)) return;
  PairAgreement agreement;
  for_each_voted_pair(found.answers, [&](const std::vector<Vote>& votes) { agreement.add(votes); });
  found.disagreement = agreement.all().disagreement();
  if (found.disagreement == 0) return;
  heap_.push_back(std::move(found));
  std::push_heap(heap_.begin(), heap_.end(), worse);
  if (heap_.size() <= most_) return;
  std::pop_heap(heap_.begin(), heap_.end(), worse);
  heap_.pop_back();
}

std::vector<Disagreement> Disagreements::worst() const {
  std::vector<Disagreement> sorted = heap_;
  std::sort(sorted.begin(), sorted.end(), worse);
  return sorted;
}

}  // namespace rlhf
