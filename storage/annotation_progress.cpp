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

constexpr char kOwnAnswers[] = R"sql(
  SELECT COALESCE(SUM(a.status = 'submitted'), 0), COALESCE(SUM(a.status = 'skipped'), 0),
         COALESCE(SUM(a.status = 'not_rankable'), 0)
  FROM annotations a JOIN tasks t ON t.id = a.task_id
  WHERE t.campaign_id = ?1 AND a.annotator_id = ?2 AND a.status IN ('submitted', 'skipped', 'not_rankable'))sql";

constexpr char kLastTimes[] = R"sql(
  SELECT a.submitted_ms - a.started_ms FROM annotations a JOIN tasks t ON t.id = a.task_id
  WHERE t.campaign_id = ?1 AND a.annotator_id = ?2 AND a.status = 'submitted'
  ORDER BY a.submitted_ms DESC LIMIT 20)sql";

std::vector<double> last_times(SQLite::Database& db, int64_t campaign, int64_t annotator) {
  SQLite::Statement rows(db, kLastTimes);
  bind_all(rows, campaign, annotator);
  std::vector<double> times;
  while (rows.executeStep()) times.push_back(rows.getColumn(0).getDouble());
  return times;
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
    progress.last_times_ms = last_times(db, campaign, annotator);
    return progress;
  });
}

}  // namespace rlhf
