// One ledger in use by everything at once: people at the page, simulated raters, imports, training. A process
// of these is killed at a random moment, again and again, while the others go on. After each kill the ledger
// verifies, holds every answer that was acknowledged, once; in the end every piece of work, begun again by
// the same command until it is done, has come to what it comes to undisturbed.
//
// RLHF_TEST_KILLS says how many kills (12), RLHF_TEST_SEED which (1); there is a fresh ledger after every 25.
#include <algorithm>
#include <csignal>
#include <cstdlib>
#include <iostream>
#include <map>
#include <optional>
#include <set>

#include "tests/end_to_end/ledger_rows.h"
#include "tests/end_to_end/page_people.h"
#include "tests/end_to_end/run_program.h"
#include "tests/end_to_end/tiny_world.h"
#include "tests/support/catch.h"

namespace rlhf::test {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

constexpr int kPrompts = 1500, kPairsAFile = 20000, kStepsARun = 40;
constexpr int kServersACampaign = 8;  // then there is a new one: people are never without tasks
constexpr int64_t kKillsALedger = 25;
const std::vector<std::string> kPeople = {"ann", "bob", "cid"};

int64_t number_from_environment(const char* name, int64_t otherwise) {
  const char* text = std::getenv(name);
  return text ? std::stoll(text) : otherwise;
}

/// Data files of this test.
struct Data {
  std::string sampled, lexicon;

  Data() {
    std::mt19937 random(3);
    std::vector<json> objects;
    for (int i = 0; i < kPrompts; ++i) {
      json responses = json::array();
      for (int r = 0; r < 3; ++r)
        responses.push_back(
            {{"text", "it is " + word(random) + " and " + word(random) + " " + std::to_string(r)},
             {"model", "sampler"}});
      objects.push_back(
          {{"prompt", "Film " + std::to_string(i)}, {"responses", responses}, {"ranks", {1, 2, 3}}});
    }
    sampled = tiny().json_lines("sampled.jsonl", objects);
    std::string lines;
    for (const char* entry : {"good", "bad", "slow", "great"}) {
      lines += std::string(entry) + "\t1\t1\t[";
      for (int rater = 0; rater < 10; ++rater)
        lines += (rater ? ", " : "") + std::to_string(static_cast<int>(random() % 9) - 4);
      lines += "]\n";
    }
    lexicon = tiny().file("lexicon.txt", lines);
  }

  /// One of any number of files of pairs.
  static std::string pairs(int64_t number) {
    static std::map<int64_t, std::string> made;
    std::string& path = made[number];
    if (!path.empty()) return path;
    std::vector<json> objects;
    for (int i = 0; i < kPairsAFile; ++i)
      objects.push_back({{"prompt", "Pair " + std::to_string(number) + " " + std::to_string(i)},
                         {"chosen", "yes"},
                         {"rejected", "no"},
                         {"source", "pairs"}});
    return path = tiny().json_lines("pairs" + std::to_string(number) + ".jsonl", objects);
  }

 private:
  static std::string word(std::mt19937& random) {
    static const std::vector<std::string> kWords = {"good", "bad", "slow", "great", "long"};
    return kWords[random() % kWords.size()];
  }
};

const Data& data() {
  static const Data all;
  return all;
}

/// Work that is begun again by the same command until it is done; then there is more of it.
struct Job {
  std::string name;
  Flags (*command)(const fs::path& folder, int64_t part);
  int64_t part = 0;
  std::optional<Program> running = {};
  int64_t killed = 0;
};

std::string ledger_in(const fs::path& folder) {
  return folder / "ledger.db";
}

Flags import_command(const fs::path& folder, int64_t part) {
  return {"data", "import", "--db", ledger_in(folder), Data::pairs(part)};
}

Flags rate_command(const fs::path& folder, int64_t part) {
  return {"annotate",
          "--db",
          ledger_in(folder),
          "--simulate",
          data().lexicon,
          "--raters",
          "3",
          "--k",
          "3",
          "--overlap",
          "3",
          "--campaign",
          "raters " + std::to_string(part)};
}

Flags train_flags(const std::string& stage, const fs::path& folder, int64_t part) {
  return test::train_flags(stage) + Flags{"--max_steps",     std::to_string(kStepsARun),
                                          "--save_steps",    "5",
                                          "--logging_steps", "1",
                                          "--output_dir",    folder / (stage + std::to_string(part))};
}

Flags reward_command(const fs::path& folder, int64_t part) {
  return train_flags("reward", folder, part) +
         Flags{"--db", ledger_in(folder), "--campaign", "first", "--split", "test", "--eval_split", "valid"};
}

Flags ppo_command(const fs::path& folder, int64_t part) {
  return train_flags("ppo", folder, part) + Flags{"--dataset", tiny().prompts, "--ledger", ledger_in(folder)};
}

class Siege {
 public:
  explicit Siege(uint64_t seed) : random_(seed), people_(kPeople, seed) { prepare(folder_.path()); }

  /// Has the page and one more job run, waits a random while, and kills one of those that run: mostly the
  /// job.
  void kill_one() {
    if (!server_ || !server_->running()) start_server();
    Job& job = jobs_[next_++ % jobs_.size()];
    start(job);
    std::this_thread::sleep_for(std::chrono::milliseconds(random_() % 1000));
    if (random_() % 3 != 0 && job.running->running()) return kill(*job.running, job.killed);
    kill(*server_, servers_killed_);
    people_.leave();
  }

  void check_ledger() {
    const std::vector<SentAnswer> sent = people_.answers();  // before the ledger is looked at
    const RunResult verified = run({"data", "verify", "--db", ledger()}, {.limit = std::chrono::minutes(10)});
    INFO(verified.out << verified.err);
    CHECK(verified.exit_code == 0);
    const std::vector<std::string> doubled =
        rows_of(ledger(),
                "SELECT task_id, annotator_id FROM annotations WHERE task_id IS NOT NULL AND status IN "
                "('draft', 'submitted', 'skipped', 'not_rankable') GROUP BY 1, 2 HAVING COUNT(*) > 1");
    CHECK(doubled.empty());
    for (const std::string& surprise : people_.surprises()) FAIL_CHECK(surprise);
    check_kept(sent);
  }

  /// Begins everything again until it is done, undisturbed.
  void finish() {
    if (!server_ || !server_->running()) start_server();
    people_.leave();  // having delivered what they owed
    server_->send(SIGINT);
    CHECK(server_->wait().exit_code == 0);
    for (Job& job : jobs_) {
      if (job.running) job.running->send(SIGKILL), job.running->wait();
      run_well(job.command(folder_.path(), job.part));
      ++job.part;
    }
  }

  void check_all_is_done() {
    int64_t standing = 0;
    for (const SentAnswer& answer : people_.answers()) {
      CHECK(answer.acknowledged);
      standing += !answer.taken_back;
    }
    // An undo that was not acknowledged may have been made or not.
    const int64_t held = std::stoll(rows_of(ledger(), kPageAnswers)[0]);
    CHECK(held >= standing);
    CHECK(held <= static_cast<int64_t>(people_.answers().size()));
    check_against_undisturbed();
    for (const char* stage : {"reward", "ppo"})
      CHECK(rows_of(ledger(),
                    std::string("SELECT COUNT(*) FROM runs WHERE finished_ms IS NOT NULL AND stage = '") +
                        stage + "'")[0] == std::to_string(job(stage).part) + "|");
    const std::string whole = std::to_string(kStepsARun) + "|" + std::to_string(kStepsARun * 12) + "|";
    for (const std::string& counts :
         rows_of(ledger(), "SELECT COUNT(DISTINCT step), COUNT(*) FROM trajectories GROUP BY run_id"))
      CHECK(counts == whole);
  }

  void tell() const {
    std::cerr << "kills: page " << servers_killed_;
    for (const Job& job : jobs_)
      std::cerr << ", " << job.name << " " << job.killed << " (" << job.part << " done)";
    std::cerr << "; " << people_.answers().size() << " answers on the page, "
              << std::stoll(
                     rows_of(ledger(), "SELECT COUNT(*) FROM annotations WHERE status = 'submitted'")[0])
              << " labels in all\n";
  }

 private:
  static constexpr char kPageAnswers[] =
      "SELECT COUNT(*) FROM annotations a JOIN annotators n ON n.id = a.annotator_id "
      "WHERE n.kind = 'human' AND a.status = 'submitted'";

  std::string ledger() const { return ledger_in(folder_.path()); }

  /// Sampled responses, and a small campaign to train on.
  static void prepare(const fs::path& folder) {
    run_well({"data", "import", "--db", ledger_in(folder), data().sampled});
    for (const char* split : {"test", "valid"})
      run_well({"annotate", "--db", ledger_in(folder), "--simulate", data().lexicon, "--raters", "1", "--k",
                "3", "--campaign", "first", "--split", split});
  }

  void start_server() {
    const std::string campaign = "page " + std::to_string(servers_++ / kServersACampaign);
    server_.emplace(Flags{"annotate", "--db", ledger(), "--campaign", campaign, "--k", "3", "--overlap", "2",
                          "--listen", "127.0.0.1:0", "--annotators", "ann,bob,cid"},
                    RunOptions{.limit = std::chrono::hours(1)});
    server_->listening();
    people_.go_to(server_->out().substr(0, server_->out().find('\n')));
  }

  void start(Job& job) {
    if (job.running && job.running->running()) return;
    if (job.running) {
      const RunResult ended = job.running->wait();
      const bool was_killed = ended.exit_code == 128 + SIGKILL;
      INFO(job.name << ": " << ended.err);
      CHECK((was_killed || ended.exit_code == 0));
      if (!was_killed) ++job.part;
    }
    job.running.reset();
    job.running.emplace(job.command(folder_.path(), job.part));
  }

  static void kill(Program& victim, int64_t& count) {
    victim.send(SIGKILL);
    count += victim.wait().exit_code == 128 + SIGKILL;
  }

  /// Every acknowledged answer is there as it was given.
  void check_kept(const std::vector<SentAnswer>& sent) {
    std::map<int64_t, std::string> held;
    for (const std::string& row :
         rows_of(ledger(),
                 "SELECT a.id, a.status, (SELECT group_concat(rank) FROM (SELECT rank FROM ranks WHERE "
                 "annotation_id = a.id "
                 "ORDER BY position)) FROM annotations a JOIN annotators n ON n.id = a.annotator_id "
                 "WHERE n.kind = 'human' AND a.status IN ('submitted', 'superseded')"))
      held[std::stoll(row)] = row.substr(row.find('|') + 1);
    std::set<int64_t> known;
    for (const SentAnswer& answer : sent) {
      known.insert(answer.annotation);
      if (!answer.acknowledged) continue;
      std::string ranks;
      for (const int rank : answer.ranks) ranks += (ranks.empty() ? "" : ",") + std::to_string(rank);
      INFO("annotation " << answer.annotation);
      const std::string& found = held[answer.annotation];
      const bool submitted = found == "submitted|" + ranks + "|";
      CHECK((submitted || (answer.taken_back && found == "superseded|" + ranks + "|")));
    }
  }

  /// What was imported and what raters said is what it is in a ledger that nobody disturbed.
  void check_against_undisturbed() {
    const TemporaryFolder other;
    prepare(other.path());
    run_well(rate_command(other.path(), 0));
    for (int64_t part = 0; part < job("import").part; ++part) run_well(import_command(other.path(), part));
    const auto exported = [](const fs::path& folder) {
      return run_well({"data", "export", "--db", ledger_in(folder), "--format", "kwise", "--split", "all",
                       "--source", "pairs"})
          .out;
    };
    CHECK(exported(folder_.path()) == exported(other.path()));
    const auto rated = [](const fs::path& folder, int64_t part) {
      return rows_of(
          ledger_in(folder),
          "SELECT p.text, n.handle, s.text, r.rank FROM campaigns c JOIN tasks t ON t.campaign_id = c.id "
          "JOIN annotations a ON a.task_id = t.id AND a.status = 'submitted' "
          "JOIN annotators n ON n.id = a.annotator_id JOIN prompts p ON p.id = a.prompt_id "
          "JOIN ranks r ON r.annotation_id = a.id JOIN responses s ON s.id = r.response_id "
          "WHERE c.name = 'raters " +
              std::to_string(part) + "' ORDER BY 1, 2, 3");
    };
    const std::vector<std::string> wanted = rated(other.path(), 0);
    CHECK(wanted.size() == kPrompts * 3 * 3);
    for (int64_t part = 0; part < job("rate").part; ++part) CHECK(rated(folder_.path(), part) == wanted);
  }

  const Job& job(const std::string& name) const {
    return *std::find_if(jobs_.begin(), jobs_.end(), [&](const Job& each) { return each.name == name; });
  }

  std::mt19937_64 random_;
  TemporaryFolder folder_;
  PagePeople people_;
  std::optional<Program> server_;
  std::vector<Job> jobs_ = make_jobs();
  int64_t servers_ = 0, servers_killed_ = 0;
  std::size_t next_ = 0;

  static std::vector<Job> make_jobs() {
    std::vector<Job> jobs;
    jobs.push_back({"import", import_command});
    jobs.push_back({"rate", rate_command});
    jobs.push_back({"reward", reward_command});
    jobs.push_back({"ppo", ppo_command});
    return jobs;
  }
};

}  // namespace

TEST_CASE("killed at any moment, the ledger keeps what was acknowledged, once, and all work can be completed",
          "[kills]") {
  const int64_t kills = number_from_environment("RLHF_TEST_KILLS", 12);
  const int64_t first_seed = number_from_environment("RLHF_TEST_SEED", 1);
  for (int64_t done = 0; done < kills; done += kKillsALedger) {
    const int64_t seed = first_seed + done / kKillsALedger;
    INFO("RLHF_TEST_SEED=" << seed);
    Siege siege(static_cast<uint64_t>(seed));
    for (int64_t i = 0; i < std::min(kKillsALedger, kills - done); ++i) {
      INFO("kill " << i + 1);
      siege.kill_one();
      siege.check_ledger();
    }
    siege.finish();
    siege.check_ledger();
    siege.check_all_is_done();
    siege.tell();
  }
}

}  // namespace rlhf::test
