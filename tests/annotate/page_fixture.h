#pragma once
#include <map>
#include <memory>
#include <string>
#include <vector>

#include <httplib.h>
#include <nlohmann/json.hpp>

#include "annotate/page_server.h"
#include "contract/sha256.h"
#include "storage/clock.h"
#include "storage/ledger_records.h"
#include "storage/model_store.h"
#include "storage/response_store.h"
#include "tests/support/catch.h"
#include "tests/support/temporary_folder.h"

namespace rlhf::test {

using Json = nlohmann::json;

struct PageTasks {
  std::vector<std::string> responses = {"good", "plain", "bad"};  ///< of each task; the number of it is added
  int prompts = 3;
  int overlap = 1;
};

/// A ledger with a campaign, served on a free port to "ann" and "bob".
class Page {
 public:
  explicit Page(PageTasks tasks = {}) {
    register_model(database, {"hash", "policy", "sft", {}, {}, {}, {}});
    for (int i = 0; i < tasks.prompts; ++i) {
      std::vector<SampledResponse> samples;
      for (const std::string& text : tasks.responses)
        samples.push_back(
            {text + " " + std::to_string(i), {1}, FinishReason::kStop, static_cast<int32_t>(samples.size())});
      store_responses(database, {"hash", {}, "test", 7}, {{{"prompt " + std::to_string(i), {}}, samples}});
    }
    Campaign wanted;
    wanted.name = "c";
    wanted.k = static_cast<int>(tasks.responses.size());
    wanted.overlap = tasks.overlap;
    wanted.guidelines = "be kind";
    campaign = store.open_campaign(wanted);
    store.add_tasks(campaign.id, store.tasks_from_samples(campaign, "all", ""));
    annotators = page_annotators(store, "ann,bob");
    for (const PageAnnotator& annotator : annotators) tokens[annotator.name] = link_for(annotator.id, 60000);
    serve();
  }

  std::string link_for(int64_t annotator, int64_t lifetime_ms) {
    const std::string token = new_token();
    add_annotator_link(database, campaign.id, {sha256_digest(token), annotator, now_ms() + lifetime_ms});
    return token;
  }

  void serve() {
    server.reset();
    server = std::make_unique<PageServer>(PageOptions{folder / "ledger.db", campaign, "127.0.0.1", 0},
                                          PageLinks(annotators, annotator_links(database, campaign.id)));
  }

  httplib::Client client() { return httplib::Client("127.0.0.1", server->port()); }
  httplib::Headers as(const std::string& who) { return {{"Authorization", "Bearer " + tokens.at(who)}}; }

  httplib::Result post(const std::string& who, const std::string& path, const Json& body) {
    return client().Post(path, as(who), body.dump(), "application/json");
  }

  /// A post that must be well.
  Json posted(const std::string& who, const std::string& path, const Json& body) {
    const auto reply = post(who, path, body);
    REQUIRE(reply);
    INFO(reply->body);
    REQUIRE(reply->status == 200);
    return Json::parse(reply->body);
  }

  Json next(const std::string& who) { return posted(who, "/api/next", Json::object())["task"]; }

  std::size_t labels() {
    LedgerSelection all;
    all.split = "all";
    return LedgerPreferences(database, all).rankings().size();
  }

  TemporaryFolder folder;
  Database database{folder / "ledger.db"};
  AnnotationStore store{database};
  Campaign campaign;
  std::vector<PageAnnotator> annotators;
  std::map<std::string, std::string> tokens;
  std::unique_ptr<PageServer> server;
};

inline Json ranked(const Json& task, const Json& ranks) {
  return {{"annotation", task["annotation"]}, {"ranks", ranks}, {"note", ""}, {"verdict", "submitted"}};
}

}  // namespace rlhf::test
