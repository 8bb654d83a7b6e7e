#include <sstream>

#include "annotate/simulate.h"
#include "annotate/terminal.h"
#include "contract/error.h"
#include "storage/ledger_records.h"
#include "storage/model_store.h"
#include "storage/response_store.h"
#include "tests/support/catch.h"
#include "tests/support/temporary_folder.h"

namespace rlhf {

namespace {

bool contains(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

/// A ledger whose campaign has `prompts` tasks of three responses each: "good", "plain" and "bad" ones.
class Campaigning {
 public:
  void prepare(int prompts, int overlap = 1) {
    register_model(database_, {"hash", "policy", "sft", {}, {}, {}, {}});
    for (int i = 0; i < prompts; ++i) {
      std::vector<SampledResponse> samples;
      for (const char* word : {"good", "plain", "bad"}) {
        samples.push_back({std::string(word) + " " + std::to_string(i),
                           {1, 2},
                           FinishReason::kStop,
                           static_cast<int32_t>(samples.size())});
      }
      store_responses(database_, {"hash", {}, "test", 7}, {{{"prompt " + std::to_string(i), {}}, samples}});
    }
    Campaign wanted;
    wanted.name = "c";
    wanted.k = 3;
    wanted.overlap = overlap;
    wanted.guidelines = "be kind";
    campaign_ = store_.open_campaign(wanted);
    store_.add_tasks(campaign_.id, store_.tasks_from_samples(campaign_, "all", ""));
  }

  SittingResult sit(const std::string& keys, const std::string& who = "ann") {
    std::istringstream in(keys);
    std::ostringstream out;
    const auto result = annotate_in_terminal(
        store_, {campaign_, store_.annotator(who, "human"), false}, [&] { return in.get(); }, out);
    screen_ = out.str();
    return result;
  }

  std::vector<ImportRecord> labels() {
    std::vector<ImportRecord> found;
    LedgerSelection all;
    all.split = "all";
    for_each_record(database_, RecordKind::kRanking, all,
                    [&](ImportRecord&& record) { found.push_back(std::move(record)); });
    return found;
  }

  Lexicon lexicon() {
    test::write_file(
        folder_ / "lexicon.txt",
        "good\t2\t1\t[2, 2, 2, 2, 2, 2, 2, 2, 2, 2]\nbad\t-2\t1\t[-2, -2, -2, -2, -2, -2, -2, -2, -2, 3]\n");
    return Lexicon(folder_ / "lexicon.txt");
  }

 protected:
  test::TemporaryFolder folder_;
  Database database_{folder_ / "ledger.db"};
  AnnotationStore store_{database_};
  Campaign campaign_;
  std::string screen_;
};

/// The responses of a label, best first.
std::vector<std::string> best_first(const Ranking& ranking) {
  std::vector<std::string> ordered;
  for (int rank = 1; rank <= static_cast<int>(ranking.ranks.size()); ++rank) {
    for (std::size_t i = 0; i < ranking.ranks.size(); ++i) {
      if (ranking.ranks[i] == rank) ordered.push_back(ranking.responses[i]);
    }
  }
  return ordered;
}

/// The response that stood under `number` on the screen of the first task.
std::string shown(const std::string& screen, int number) {
  const std::string mark = "\n[" + std::to_string(number) + "] ";
  const std::size_t at = screen.find(mark) + mark.size();
  return screen.substr(at, screen.find('\n', at) - at);
}

}  // namespace

TEST_CASE_METHOD(Campaigning, "the digits rank the responses as they were shown") {
  prepare(1);
  const auto result = sit("312\n");
  CHECK(result.submitted == 1);
  CHECK(result.finished);
  const auto found = labels();
  REQUIRE(found.size() == 1);
  CHECK(found[0].provenance.annotator == "ann");
  CHECK(best_first(std::get<Ranking>(found[0].content)) ==
        std::vector<std::string>{shown(screen_, 3), shown(screen_, 1), shown(screen_, 2)});
}

TEST_CASE_METHOD(Campaigning, "a sitting goes through all tasks; a skip and a refusal are not labels") {
  prepare(4);
  const auto result = sit("123\ns1us\nss\nx\n1=2=3");
  CHECK(result.submitted == 2);
  CHECK(result.skipped == 1);
  CHECK(result.not_rankable == 1);
  CHECK(result.finished);
  CHECK(labels().size() == 2);
  CHECK(contains(screen_, "No task is left"));
}

TEST_CASE_METHOD(Campaigning, "quitting keeps a draft, and the same command goes on from there") {
  prepare(2);
  CHECK_FALSE(sit("2q").finished);
  CHECK(labels().empty());
  const auto result = sit("13");
  CHECK(contains(screen_, "so far: 2"));
  CHECK(result.submitted == 1);
  CHECK_FALSE(result.finished);
  REQUIRE(labels().size() == 1);
  CHECK(best_first(std::get<Ranking>(labels()[0].content))[0] == shown(screen_, 2));
}

TEST_CASE_METHOD(Campaigning,
                 "undo with nothing entered takes the last answer back and shows the same order again") {
  prepare(2);
  const auto result = sit("123u321q");
  CHECK(result.submitted == 2);
  CHECK(result.taken_back == 1);
  const auto found = labels();
  REQUIRE(found.size() == 1);
  CHECK(best_first(std::get<Ranking>(found[0].content)) ==
        std::vector<std::string>{shown(screen_, 3), shown(screen_, 2), shown(screen_, 1)});
  sit("u", "nobody");
  CHECK(contains(screen_, "there is no answer to take back"));
}

TEST_CASE_METHOD(Campaigning, "two people get different tasks, and the same one only when overlap asks") {
  prepare(2);
  CHECK(sit("123").submitted == 1);
  const auto other = sit("123123", "bob");
  CHECK(other.submitted == 1);
  CHECK(labels().size() == 2);
}

TEST_CASE_METHOD(Campaigning, "agreement is told once two people have answered the same tasks") {
  prepare(3, 2);
  CHECK(sit("123123123").submitted == 3);
  CHECK(sit("123123", "bob").submitted == 2);
  CHECK(contains(screen_, "agreement"));
  CHECK(contains(screen_, "a minute"));
}

TEST_CASE_METHOD(Campaigning, "guidelines are shown on request and wrong keys are explained") {
  prepare(1);
  sit("?9");
  CHECK(contains(screen_, "be kind"));
  CHECK(contains(screen_, "there is no response 9"));
}

TEST_CASE("a response cannot steer the terminal") {
  CHECK(printable("a\x1b[31mb\tc\nd\x7f") == "a^[[31mb\tc\nd^?");
  CHECK(printable("\xC2\x9B"
                  "2J \xC3\xA9") ==
        "\xEF\xBF\xBD"
        "2J \xC3\xA9");
}

TEST_CASE_METHOD(Campaigning, "simulated raters answer every task once, each by their own view") {
  prepare(20);
  const Lexicon words = lexicon();
  const auto result = simulate_raters(store_, words, {campaign_, 10, "0123456789"});
  CHECK(result.submitted == 20);
  CHECK(result.all_tied == 0);
  const auto found = labels();
  REQUIRE(found.size() == 20);
  int bad_first = 0;
  for (const ImportRecord& record : found) {
    const auto best = best_first(std::get<Ranking>(record.content));
    bad_first += contains(best[0], "bad") ? 1 : 0;
    // Only the tenth rater likes "bad" better than "good".
    CHECK(contains(best[0], "bad") == record.provenance.annotator.ends_with("rater-9"));
  }
  CHECK(bad_first == 2);
  CHECK(simulate_raters(store_, words, {campaign_, 10, "0123456789"}).submitted == 0);
}

TEST_CASE_METHOD(Campaigning, "with overlap each task is answered by that many raters") {
  prepare(5, 3);
  const Lexicon words = lexicon();
  CHECK(simulate_raters(store_, words, {campaign_, 4, "0123456789"}).submitted == 15);
  CHECK(store_.progress(campaign_.id).done == 5);
  CHECK_THROWS_AS(simulate_raters(store_, words, {campaign_, 2, "0123456789"}), UserError);
  CHECK_THROWS_AS(simulate_raters(store_, words, {campaign_, 11, "0123456789"}), UserError);
}

}  // namespace rlhf
