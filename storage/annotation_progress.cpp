#include <algorithm>

#include "storage/annotation_store.h"
#include "storage/connection.h"

namespace rlhf {

namespace {

constexpr char kProgress[] = R"sql(
  SELECT COUNT(*), COALESCE(SUM(status = 'closed'), 0),
    (SELECT COUNT(DISTINCT a.task_id) FROM tasks t JOIN annotations a ON a.task_id = t.id
     WHERE t.campaign_id = ?1 AND a.status = 'draft'),
    (SELECT COUNT(*) FROM tasks t JOIN annotations a ON a.task_id = t.id
     WHERE t.campaign_id = ?1 AND a.status = 'submitted'),
    (SELECT COUNT(*) FROM tasks t JOIN annotations a ON a.task_id = t.id
     WHERE t.campaign_id = ?1 AND a.status = 'skipped'),
    (SELECT COUNT(*) FROM tasks t JOIN annotations a ON a.task_id = t.id
     WHERE t.campaign_id = ?1 AND a.status = 'not_rankable')
  FROM tasks WHERE campaign_id = ?1)sql";

/// Two people's answers x and y to one task, over the pairs of responses v < w that both told apart.
constexpr char kPairsOfTwo[] = R"sql(
  SELECT COUNT(*), COALESCE(SUM((xv.rank < xw.rank) = (yv.rank < yw.rank)), 0)
  FROM tasks t
  JOIN annotations x ON x.task_id = t.id AND x.status = 'submitted'
  JOIN annotations y ON y.task_id = t.id AND y.status = 'submitted'
  JOIN ranks xv ON xv.annotation_id = x.id
  JOIN ranks xw ON xw.annotation_id = x.id AND xv.response_id < xw.response_id AND xv.rank <> xw.rank
  JOIN ranks yv ON yv.annotation_id = y.id AND yv.response_id = xv.response_id
  JOIN ranks yw ON yw.annotation_id = y.id AND yw.response_id = xw.response_id AND yv.rank <> yw.rank
  WHERE t.campaign_id = ?1 AND )sql";
constexpr char kOfAll[] = "x.id < y.id";
constexpr char kOfOne[] = "x.annotator_id = ?2 AND y.id <> x.id";

constexpr char kOwnAnswers[] = R"sql(
  SELECT COALESCE(SUM(a.status = 'submitted'), 0), COALESCE(SUM(a.status = 'skipped'), 0),
         COALESCE(SUM(a.status = 'not_rankable'), 0)
  FROM annotations a JOIN tasks t ON t.id = a.task_id
  WHERE t.campaign_id = ?1 AND a.annotator_id = ?2 AND a.status IN ('submitted', 'skipped', 'not_rankable'))sql";

constexpr char kLastTimes[] = R"sql(
  SELECT a.submitted_ms - a.started_ms FROM annotations a JOIN tasks t ON t.id = a.task_id
  WHERE t.campaign_id = ?1 AND a.annotator_id = ?2 AND a.status = 'submitted'
  ORDER BY a.submitted_ms DESC LIMIT 20)sql";

int64_t median_time(SQLite::Database& db, int64_t campaign, int64_t annotator) {
  SQLite::Statement rows(db, kLastTimes);
  bind_all(rows, campaign, annotator);
  std::vector<int64_t> times;
  while (rows.executeStep()) times.push_back(rows.getColumn(0).getInt64());
  if (times.empty()) return 0;
  const auto middle = times.begin() + static_cast<std::ptrdiff_t>(times.size() / 2);
  std::nth_element(times.begin(), middle, times.end());
  return *middle;
}

}  // namespace

CampaignProgress AnnotationStore::progress(int64_t campaign) {
  return guarded(database_.connection(), [&] {
    CampaignProgress progress;
    SQLite::Statement counts(database_.connection().db, kProgress);
    bind_all(counts, campaign).executeStep();
    int64_t* const fields[] = {&progress.tasks,     &progress.done,    &progress.in_hand,
                               &progress.submitted, &progress.skipped, &progress.not_rankable};
    for (int i = 0; i < 6; ++i) *fields[i] = counts.getColumn(i).getInt64();
    SQLite::Statement agreement(database_.connection().db, std::string(kPairsOfTwo) + kOfAll);
    bind_all(agreement, campaign).executeStep();
    progress.pairs_compared_twice = agreement.getColumn(0).getInt64();
    progress.pairs_agreed = agreement.getColumn(1).getInt64();
    return progress;
  });
}

AnnotatorProgress AnnotationStore::annotator_progress(int64_t campaign, int64_t annotator) {
  return guarded(database_.connection(), [&] {
    SQLite::Database& db = database_.connection().db;
    AnnotatorProgress progress;
    SQLite::Statement own(db, kOwnAnswers);
    bind_all(own, campaign, annotator).executeStep();
    progress.submitted = own.getColumn(0).getInt64();
    progress.skipped = own.getColumn(1).getInt64();
    progress.not_rankable = own.getColumn(2).getInt64();
    progress.median_ms = median_time(db, campaign, annotator);
    SQLite::Statement agreement(db, std::string(kPairsOfTwo) + kOfOne);
    bind_all(agreement, campaign, annotator).executeStep();
    progress.pairs_compared_twice = agreement.getColumn(0).getInt64();
    progress.pairs_agreed = agreement.getColumn(1).getInt64();
    return progress;
  });
}

}  // namespace rlhf
