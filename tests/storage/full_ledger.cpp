#include "tests/storage/full_ledger.h"

#include <sstream>

#include "storage/annotation_store.h"
#include "storage/ledger_records.h"
#include "storage/model_store.h"
#include "storage/response_store.h"
#include "storage/run_store.h"
#include "tests/storage/ledger_fixture.h"

namespace rlhf::test {
namespace {

void import_records(Database& database) {
  std::vector<ImportRecord> records;
  for (int i = 0; i < 60; ++i) {
    records.push_back(ranking("Prompt " + std::to_string(i), {"good", "bad", "so so"}, {1, 3, 2}));
    Provenance& known = records.back().provenance;
    known = {"set",
             "row " + std::to_string(i),
             "train",
             "mit",
             "worker " + std::to_string(i % 3),
             0.5,
             "clear",
             {"m", "n", "o"},
             {},
             {{0, "helpful", 4}, {1, "helpful", 1.5}}};
  }
  for (int i = 0; i < 20; ++i) {
    ImportRecord shown, rated;
    Demonstration demonstration;
    demonstration.form = i % 2 ? Demonstration::Form::kPromptCompletion : Demonstration::Form::kConversation;
    if (i % 2) {
      demonstration.prompt.text = "Do " + std::to_string(i);
      demonstration.completion = "done";
    } else {
      demonstration.prompt.messages = {{"user", "Say " + std::to_string(i)}, {"assistant", "said"}};
    }
    shown.content = demonstration;
    rated.content = RatedResponse{{"Rate " + std::to_string(i), {}}, "fine"};
    rated.provenance.ratings = {{0, "label", 1}};
    records.push_back(shown);
    records.push_back(rated);
  }
  import(database, records);
}

void answer_campaign(Database& database) {
  for (int i = 0; i < 30; ++i)
    store_responses(database, {"policy", {}, "rlhf 0", 1},
                    {{{"Ask " + std::to_string(i), {}},
                      {{"left", {1}, FinishReason::kStop, 0}, {"right", {2}, FinishReason::kLength, 1}}}});
  AnnotationStore store(database);
  Campaign wanted;
  wanted.name = "round 1";
  wanted.guidelines = "Prefer what is true.";
  wanted.k = 2;
  wanted.overlap = 2;
  const Campaign campaign = store.open_campaign(wanted);
  store.add_tasks(campaign.id, store.tasks_from_samples(campaign, "all", "policy"));
  for (const std::string name : {"ann", "bob", "cid"}) {
    const int64_t who = store.annotator(name, "human");
    for (int i = 0; i < 15; ++i) {
      const AnnotationTask task = store.next_task(campaign.id, who).value();
      if (i % 7 == 3) {
        store.skip(who, task.annotation_id, "not mine");
      } else if (i % 7 == 5) {
        store.not_rankable(who, task.annotation_id, "both wrong");
      } else {
        store.submit(who, task.annotation_id, {{1, i % 4 == 0 ? 1 : 2}, "note " + std::to_string(i), 0.75});
        if (i % 5 == 2) store.undo(campaign.id, who);
      }
    }
    const AnnotationTask open = store.next_task(campaign.id, who).value();
    store.save_draft(who, open.annotation_id, {{2, {}}, "half", {}});
  }
}

void record_run(Database& database) {
  register_model(database, {"policy", "policy", "sft", "tok", "{}", "runs/sft/final", {{"initial", "base"}}});
  const int64_t run = open_run(
      database, {"u1", "ppo", "runs/ppo", R"({"seed":1})", {{"rlhf", "0"}}, "data", {{"initial", "policy"}}});
  LedgerMetrics metrics(database, run);
  LedgerTrajectories trajectories(database, run);
  for (int step = 1; step <= 10; ++step) {
    metrics.log(step, {{"objective/kl", 0.5 * step}, {"objective/scores", 0.1 * step}});
    TrajectoryRecord record;
    record.trajectory.prompt_ids = {1, 2, 3};
    record.trajectory.response_ids = {4, 5};
    record.trajectory.logprobs = record.policy_logprobs = record.reference_logprobs = {-0.5f, -0.25f};
    record.rewards = record.values = record.advantages = {0.1f, 0.2f};
    record.prompt_text = "Ask " + std::to_string(step);
    record.response_text = "left";
    trajectories.append(step, {record});
  }
  finish_run(database, run, {"out", "policy", "ppo", "tok", "{}", "runs/ppo/final", {{"initial", "policy"}}});
}

void write(std::ostream& out, const Prompt& prompt) {
  out << prompt.text;
  for (const Message& message : prompt.messages) out << '[' << message.role << ':' << message.content << ']';
}

void write(std::ostream& out, const ImportRecord& record) {
  out << record.origin << '|';
  if (const auto* prompt = std::get_if<Prompt>(&record.content)) write(out, *prompt);
  if (const auto* shown = std::get_if<Demonstration>(&record.content)) {
    write(out, shown->prompt);
    out << '|' << shown->completion << '|' << shown->first_supervised_message;
  }
  if (const auto* rated = std::get_if<RatedResponse>(&record.content)) {
    write(out, rated->prompt);
    out << '|' << rated->response;
  }
  if (const auto* ranking = std::get_if<Ranking>(&record.content)) {
    write(out, ranking->prompt);
    for (std::size_t i = 0; i < ranking->responses.size(); ++i)
      out << '|' << ranking->ranks[i] << ' ' << ranking->responses[i];
    out << '|' << ranking->margin.value_or(0);
  }
  const Provenance& known = record.provenance;
  out << '|' << known.source << '|' << known.annotator << '|' << known.confidence.value_or(0) << '|'
      << known.note;
  for (const std::string& model : known.response_models) out << '|' << model;
  for (const ResponseRating& rating : known.ratings)
    out << '|' << rating.response << ' ' << rating.aspect << ' ' << rating.value;
  out << '\n';
}

}  // namespace

void fill_ledger(Database& database) {
  import_records(database);
  record_run(database);
  answer_campaign(database);
}

std::string said_in(Database& database) {
  std::ostringstream out;
  for (const RecordKind kind :
       {RecordKind::kPrompt, RecordKind::kDemonstration, RecordKind::kRanking, RecordKind::kRatedResponse}) {
    for (const char* split : {"train", "valid", "test"}) {
      LedgerSelection selection;
      selection.split = split;
      out << split << '\n';
      for_each_record(database, kind, selection, [&](ImportRecord&& record) { write(out, record); });
    }
  }
  return out.str();
}

}  // namespace rlhf::test
