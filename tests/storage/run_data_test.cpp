#include "storage/run_data.h"

#include "contract/data_hash.h"
#include "contract/error.h"
#include "storage/run_store.h"
#include "tests/storage/ledger_fixture.h"
#include "tests/support/catch.h"

using namespace rlhf;
using test::Ledger;

namespace {

/// A run of a ledger that reads every ranking as it stands now.
struct Reading {
  explicit Reading(Ledger& ledger)
      : run(open_run(ledger.database, {"u1", "reward", "runs/rm", "{}", {}, "data", {}})) {
    data.selection.split = "all";
    data.selection.through_tick = ledger_position(ledger.database).tick;
    const auto rankings = LedgerPreferences(ledger.database, data.selection).rankings();
    data.records = static_cast<int64_t>(rankings.size());
    data.sha256 = data_hash(rankings);
    record_run_data(ledger.database, run, data);
  }
  int64_t run;
  RunData data;
};

ImportRecord by(const std::string& annotator, ImportRecord record) {
  record.provenance.annotator = annotator;
  return record;
}

}  // namespace

TEST_CASE("what a run trained on can be read again, whatever was labelled since") {
  Ledger ledger;
  test::import(ledger.database,
               {test::ranking("p", {"a", "b"}, {1, 2}), test::ranking("r", {"a", "b"}, {1, 1})});
  const Reading reading(ledger);
  test::import(ledger.database, {test::ranking("q", {"a", "b"}, {1, 2})}, "later");
  const auto known = run_data(ledger.database, reading.run);
  REQUIRE(known.size() == 1);
  CHECK(known[0].sha256 == reading.data.sha256);
  CHECK(known[0].ledger == ledger.file.string());
  const RebuiltData rebuilt = rebuild_run_data(ledger.database, known[0]);
  CHECK(rebuilt.records == 2);
  CHECK(rebuilt.sha256 == reading.data.sha256);
  RunData all = known[0];
  all.selection.through_tick.reset();
  CHECK(rebuild_run_data(ledger.database, all).records == 3);
  CHECK(rebuild_run_data(ledger.database, all).sha256 != reading.data.sha256);
}

TEST_CASE("training and evaluation data of a run are told apart, files are kept with their hashes") {
  Ledger ledger;
  const Reading reading(ledger);
  RunData eval;
  eval.role = "eval";
  eval.files = {{"/data/x.jsonl", "abc"}, {"-", ""}};
  eval.records = 7;
  eval.sha256 = "hash of files";
  record_run_data(ledger.database, reading.run, eval);
  RunData other_ledger;
  other_ledger.kind = RecordKind::kPrompt;
  other_ledger.ledger = "/elsewhere/ledger.db";
  other_ledger.selection.through_row = 12;
  other_ledger.selection.source = "oasst";
  record_run_data(ledger.database, reading.run, other_ledger);
  record_run_data(ledger.database, reading.run, other_ledger);
  const auto known = run_data(ledger.database, reading.run);
  REQUIRE(known.size() == 3);
  CHECK(known[0].role == "train");
  CHECK(known[0].kind == RecordKind::kPrompt);
  CHECK(known[0].ledger == "/elsewhere/ledger.db");
  CHECK(known[0].selection.through_row == 12);
  CHECK(known[0].selection.source == "oasst");
  CHECK(known[1].kind == RecordKind::kRanking);
  CHECK(known[2].role == "eval");
  CHECK(known[2].files == eval.files);
  CHECK(known[2].ledger.empty());
  CHECK(known[2].records == 7);
}

TEST_CASE("data read again says whose labels it holds and from which import") {
  Ledger ledger;
  test::import(ledger.database, {by("ann", test::ranking("p", {"a", "b"}, {1, 2})),
                                 by("ann", test::ranking("q", {"a", "b"}, {1, 2}))});
  test::import(ledger.database, {by("bob", test::ranking("q", {"a", "b"}, {2, 1}))}, "b");
  const Reading reading(ledger);
  const auto origins = rebuild_run_data(ledger.database, reading.data).origins;
  REQUIRE(origins.size() == 2);
  CHECK(origins[0].annotator == "ann");
  CHECK(origins[0].annotator_kind == "human");
  CHECK(origins[0].records == 2);
  CHECK(origins[0].import_path == "file.jsonl");
  CHECK(origins[0].import_sha256 == "a");
  CHECK(origins[1].annotator == "bob");
  CHECK(origins[1].import_sha256 == "b");
}

TEST_CASE("prompts and demonstrations are read again up to the row there was") {
  Ledger ledger;
  ImportRecord demonstration;
  demonstration.content = Demonstration{Demonstration::Form::kPromptCompletion, {"p", {}}, "c", 0, ""};
  test::import(ledger.database, {demonstration});
  for (const RecordKind kind : {RecordKind::kPrompt, RecordKind::kDemonstration}) {
    RunData data;
    data.kind = kind;
    data.selection.split = "all";
    data.selection.through_row = 1;
    const RebuiltData rebuilt = rebuild_run_data(ledger.database, data);
    CHECK(rebuilt.records == 1);
    REQUIRE(rebuilt.origins.size() == 1);
    CHECK(rebuilt.origins[0].import_path == "file.jsonl");
    data.selection.through_row = 0;
    CHECK(rebuild_run_data(ledger.database, data).records == 0);
  }
}
