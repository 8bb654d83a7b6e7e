#include "label_quality/voted_pairs.h"

#include <algorithm>
#include <tuple>

namespace rlhf {

namespace {

struct Ballot {
  int64_t first_id, second_id, annotator_id, annotation_id;
  Verdict verdict;
  auto pair() const { return std::tie(first_id, second_id); }
  auto key() const { return std::tie(first_id, second_id, annotator_id, annotation_id); }
};

void add_ballots(const RankedAnswer& answer, std::vector<Ballot>& ballots) {
  for (auto x = answer.items.begin(); x != answer.items.end(); ++x) {
    for (auto y = x + 1; y != answer.items.end(); ++y) {
      const Verdict verdict = x->rank < y->rank   ? Verdict::kFirst
                              : x->rank > y->rank ? Verdict::kSecond
                                                  : Verdict::kTie;
      ballots.push_back({x->response_id, y->response_id, answer.annotator_id, answer.annotation_id, verdict});
    }
  }
}

}  // namespace

void for_each_voted_pair(const std::vector<RankedAnswer>& answers,
                         const std::function<void(const std::vector<Vote>&)>& visit) {
  if (answers.size() < 2) return;
  std::vector<Ballot> ballots;
  for (const RankedAnswer& answer : answers)
    if (answer.annotator_id != 0) add_ballots(answer, ballots);
  std::sort(ballots.begin(), ballots.end(),
            [](const Ballot& x, const Ballot& y) { return x.key() < y.key(); });
  std::vector<Vote> votes;
  for (auto ballot = ballots.begin(); ballot != ballots.end(); ++ballot) {
    const auto next = ballot + 1;
    const bool last_of_pair = next == ballots.end() || next->pair() != ballot->pair();
    if (last_of_pair || next->annotator_id != ballot->annotator_id)
      votes.push_back({ballot->annotator_id, ballot->verdict});
    if (!last_of_pair) continue;
    if (votes.size() >= 2) visit(votes);
    votes.clear();
  }
}

void add_both_directions(const std::vector<Vote>& votes, Units& units) {
  std::vector<double> values;
  for (const Vote& vote : votes) values.push_back(static_cast<double>(vote.verdict) - 1);
  units.add(values);
  for (double& value : values) value = -value;
  units.add(values);
}

}  // namespace rlhf
