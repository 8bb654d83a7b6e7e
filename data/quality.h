#pragma once
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "contract/given_answer.h"
#include "contract/prompt.h"
#include "label_quality/answer_times.h"
#include "label_quality/clustered_share.h"
#include "label_quality/disagreements.h"
#include "label_quality/rating_agreement.h"
#include "label_quality/vote_table.h"
#include "storage/database.h"

namespace rlhf {

struct QualityOptions {
  std::string campaign;            ///< labels of this one; empty: all, imported ones too
  std::string source;              ///< about prompts of this data set; empty: all
  std::string annotator;           ///< figures of this one alone; empty: everybody's
  std::size_t disagreements = 10;  ///< how many to keep of what is to be looked at, of each kind
};

/// Agreement on pairs of responses, of everybody or of one against the others.
struct PairQuality {
  VoteTable votes;
  ClusteredShare alike;       ///< same vote of three, by prompt
  ClusteredShare told_alike;  ///< same order where neither said tie, by prompt
};

struct AnnotatorQuality {
  int64_t rankings = 0;
  PairQuality agreement;      ///< against each of the others
  ClusteredShare first_wins;  ///< untied pairs whose winner was shown first, by answer
  ClusteredShare checks;      ///< pairs of tasks with a known answer that are right, by answer
  int64_t checks_all_right = 0;
  std::vector<double> times_ms;
  int64_t fast = 0, slow = 0;  ///< answers whose time is not plausible
};

/// What can be said about the quality of labels. docs/label_quality.md explains each figure.
struct LabelQuality {
  int64_t rankings = 0;
  int64_t rankings_of_nobody = 0;  ///< the annotator is not known: they say nothing about agreement
  int64_t gold_tasks = 0;
  PairQuality agreement;
  std::optional<double> alpha_nominal, alpha_ordinal;
  AnnotatorQuality everybody;  ///< its agreement is not set
  std::map<int64_t, AnnotatorQuality> annotators;
  std::map<std::pair<int64_t, int64_t>, VoteTable> annotator_pairs;
  int64_t crowded_pairs = 0;  ///< pairs of responses that too many voted on to be in annotator_pairs
  std::vector<Disagreement> disagreements;
  std::vector<TimeOutlier> time_outliers;
  std::map<RatedAspect, RatingAgreement> ratings;

  int64_t people = 0;                        ///< annotators with rankings, before any was left out
  std::map<int64_t, std::string> handles;    ///< names of annotators
  std::map<int64_t, Prompt> prompts;         ///< those of what is to be looked at
  std::map<int64_t, std::string> responses;  ///< likewise

  std::string handle(int64_t annotator) const;
  /// What agreement on rankings lacks, in words; empty when there is some.
  std::string why_no_agreement() const;
};

/// Reads the ledger twice, once for rankings and once for ratings, in time n log n. Throws UserError for an
/// unknown campaign or annotator.
LabelQuality label_quality(Database& database, const QualityOptions& options);

/// One JSON object, for programs.
std::string quality_json(const LabelQuality& quality, const QualityOptions& options);

/// A report in text, for people.
std::string quality_text(const LabelQuality& quality, const QualityOptions& options);

}  // namespace rlhf
