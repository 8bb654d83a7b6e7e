// The page misused, by accident or on purpose: a clear answer each, and nothing lost.
#include "annotate/page_guard.h"
#include "annotate/page_request.h"
#include "tests/annotate/page_fixture.h"

using namespace rlhf;
using test::Json;
using test::Page;
using test::ranked;

namespace {

std::string error_of(const httplib::Result& reply) {
  REQUIRE(reply);
  const Json body = Json::parse(reply->body, nullptr, false);
  return body.is_object() && body.contains("error") ? body["error"].get<std::string>() : "";
}

int status_of(const httplib::Result& reply) {
  REQUIRE(reply);
  return reply->status;
}

}  // namespace

TEST_CASE("a forged, missing or expired token opens nothing") {
  Page page;
  std::string forged = page.tokens["ann"];
  forged[5] = forged[5] == 'A' ? 'B' : 'A';
  const std::string expired = page.link_for(page.annotators[0].id, -1000);
  const std::string strangers = page.link_for(page.store.annotator("eve", "human"), 60000);
  page.serve();
  CHECK(status_of(page.client().Get("/a/" + forged)) == 403);
  CHECK(status_of(page.client().Get("/a/" + expired)) == 410);
  CHECK(page.client().Get("/a/" + expired)->body.find("expired on 20") != std::string::npos);
  CHECK(status_of(page.client().Get("/a/" + strangers)) == 403);
  for (const std::string& token : {forged, expired, strangers, std::string(), std::string(5000, 'x')}) {
    page.tokens["ann"] = token;
    const auto reply = page.post("ann", "/api/next", Json::object());
    CHECK(status_of(reply) == 401);
    CHECK(error_of(reply) == (token == expired ? "this link has expired" : "this link is not known here"));
    CHECK(reply->body.find("prompt") == std::string::npos);
  }
  CHECK(status_of(page.client().Get("/api/session")) == 401);
  CHECK(status_of(page.client().Get("/api/text?annotation=1&part=prompt&index=0&offset=0")) == 401);
  CHECK(page.store.progress(page.campaign.id).in_hand == 0);
}

TEST_CASE("links outlive a restart until they are ended") {
  Page page;
  page.serve();
  CHECK(status_of(page.client().Get("/a/" + page.tokens["ann"])) == 200);
  end_annotator_links(page.database, page.campaign.id);
  page.serve();
  CHECK(status_of(page.client().Get("/a/" + page.tokens["ann"])) == 410);
}

TEST_CASE("another site's page, and a foreign name for this machine, are refused") {
  Page page;
  const auto post_with = [&](const std::string& name, const std::string& value) {
    httplib::Headers headers = page.as("ann");
    headers.emplace(name, value);
    return page.client().Post("/api/next", headers, "{}", "application/json");
  };
  const std::string own = "127.0.0.1:" + std::to_string(page.server->port());
  CHECK(status_of(post_with("Origin", "http://" + own)) == 200);
  CHECK(status_of(post_with("Sec-Fetch-Site", "same-origin")) == 200);
  CHECK(status_of(post_with("Origin", "https://evil.example")) == 403);
  CHECK(status_of(post_with("Origin", "null")) == 403);
  CHECK(status_of(post_with("Sec-Fetch-Site", "cross-site")) == 403);
  CHECK(status_of(post_with("Sec-Fetch-Site", "same-site")) == 403);
  CHECK(status_of(post_with("Host", "evil.example:80")) == 403);
  CHECK(error_of(post_with("Host", "evil.example")).find("loopback") != std::string::npos);
  httplib::Headers headers = {{"Host", "evil.example"}};
  CHECK(status_of(page.client().Get("/a/" + page.tokens["ann"], headers)) == 403);
  // Through an ssh tunnel both carry another port.
  httplib::Headers tunnel = page.as("ann");
  tunnel.emplace("Host", "localhost:8000");
  tunnel.emplace("Origin", "http://localhost:8000");
  CHECK(status_of(page.client().Post("/api/next", tunnel, "{}", "application/json")) == 200);
}

TEST_CASE("only loopback names are this machine") {
  for (const char* host : {"localhost", "LocalHost:1", "127.0.0.1:80", "127.9.9.9", "[::1]:5000", "[::1]"})
    CHECK(names_this_machine(host));
  for (const char* host :
       {"", ":80", "localhost.evil.example", "127.0.0.1.evil.example", "evil.example", "10.0.0.1",
        "127.0.0.1:80:80", "localhost:", "localhost:8a", "[::2]:80", "2130706433", "127.1"})
    CHECK_FALSE(names_this_machine(host));
  CHECK(is_own_origin("http://localhost:8000", "localhost:8000"));
  CHECK_FALSE(is_own_origin("http://localhost:8001", "localhost:8000"));
  CHECK_FALSE(is_own_origin("https://localhost:8000", "localhost:8000"));
}

TEST_CASE("an answer posted twice is one, and another answer to it is refused") {
  Page page;
  const Json task = page.next("ann");
  const Json answer = ranked(task, {1, 2, 3});
  const Json once = page.posted("ann", "/api/answer", answer);
  CHECK(page.posted("ann", "/api/answer", answer)["task"] == once["task"]);
  CHECK(page.labels() == 1);
  const auto other = page.post("ann", "/api/answer", ranked(task, {3, 2, 1}));
  CHECK(status_of(other) == 409);
  CHECK(error_of(other).find("submitted already") != std::string::npos);
  CHECK(page.labels() == 1);
}

TEST_CASE("ranks that are none are refused, and the draft stays") {
  Page page;
  const Json task = page.next("ann");
  page.posted("ann", "/api/draft", ranked(task, {2, nullptr, 1}));
  const auto status = [&](const Json& ranks) {
    return status_of(page.post("ann", "/api/answer", ranked(task, ranks)));
  };
  CHECK(status({1, 3, 3}) == 422);  // a hole
  CHECK(status({1, nullptr, 2}) == 422);
  CHECK(status({1, 2}) == 422);
  CHECK(status({1, 2, 3, 4}) == 422);
  CHECK(status({0, 1, 2}) == 400);
  CHECK(status({-1, 1, 2}) == 400);
  CHECK(status({1.5, 1, 2}) == 400);
  CHECK(status({"1", "2", "3"}) == 400);
  CHECK(status({1, 2, 99999999999}) == 400);
  CHECK(status(Json::object()) == 400);
  CHECK(status(Json(std::vector<int>(5000, 1))) == 400);
  CHECK(page.labels() == 0);
  CHECK(page.next("ann")["responses"][0]["rank"] == 2);
}

TEST_CASE("requests that are none are refused") {
  Page page;
  const int64_t annotation = page.next("ann")["annotation"];
  const auto post = [&](const std::string& body, const char* type = "application/json") {
    return status_of(page.client().Post("/api/answer", page.as("ann"), body, type));
  };
  for (const char* body : {"", "{", "[]", "null", "{}", R"({"annotation":"1"})", R"({"annotation":-1})",
                           R"({"annotation":1e300})", "{\"annotation\":1,\"ranks\":[1],\"note\":\"\xff\"}",
                           R"({"annotation":99999999999999999999,"ranks":[1]})"})
    CHECK(post(body) == 400);
  CHECK(post(std::string(100000, '[')) == 400);
  CHECK(post("{}", "text/plain") == 415);
  CHECK(post("a=1", "application/x-www-form-urlencoded") == 415);
  CHECK(post("--x\r\n\r\n--x--", "multipart/form-data; boundary=x") == 415);
  const Json wrong = {{"annotation", annotation}, {"ranks", {1, 2, 3}}, {"note", ""}, {"verdict", "burnt"}};
  CHECK(post(wrong.dump()) == 400);
  CHECK(status_of(page.client().Get("/api/text?annotation=1", page.as("ann"))) == 400);
  const std::string text = "/api/text?annotation=" + std::to_string(annotation) + "&part=response";
  CHECK(status_of(page.client().Get(text + "&index=9&offset=0", page.as("ann"))) == 404);
  CHECK(status_of(page.client().Get(text + "&index=-1&offset=0", page.as("ann"))) == 400);
  CHECK(status_of(page.client().Get(text + "&index=0&offset=99999999999999999999", page.as("ann"))) == 400);
  CHECK(status_of(page.client().Get(text + "&index=0&offset=9999999999", page.as("ann"))) == 200);
  CHECK(status_of(page.client().Get("/etc/passwd")) == 404);
  CHECK(status_of(page.client().Get("/page/../page_parts.h")) == 404);
  CHECK(status_of(page.client().Post("/nowhere", std::string(1000, 'x'), "text/plain")) == 404);
  CHECK(status_of(page.client().Delete("/api/answer")) == 405);
}

TEST_CASE("a body that is too long is refused before it is kept in memory") {
  Page page;
  const Json task = page.next("ann");
  Json answer = ranked(task, {1, 2, 3});
  answer["note"] = std::string(kLongestNote + 1, 'x');
  CHECK(status_of(page.post("ann", "/api/answer", answer)) == 413);
  answer["note"] = std::string(3 * kLongestBody, 'x');
  CHECK(status_of(page.post("ann", "/api/answer", answer)) == 413);
  std::size_t sent = 0;
  const std::string chunk(64 * 1024, ' ');
  const auto chunked = page.client().Post(
      "/api/answer", page.as("ann"),
      [&](std::size_t, httplib::DataSink& sink) {
        sent += chunk.size();
        if (sent > 64 * kLongestBody) sink.done();
        return sink.write(chunk.data(), chunk.size());
      },
      "application/json");
  CHECK((!chunked || chunked->status == 413));
  CHECK(sent < 64 * kLongestBody);
  CHECK(page.next("ann")["annotation"] == task["annotation"]);
}

TEST_CASE("nobody touches another's task") {
  Page page;
  const Json anns = page.next("ann");
  CHECK(status_of(page.post("bob", "/api/answer", ranked(anns, {1, 2, 3}))) == 404);
  CHECK(status_of(page.post("bob", "/api/draft", ranked(anns, {1, 2, 3}))) == 404);
  const std::string text = "/api/text?part=prompt&index=0&offset=0&annotation=" + anns["annotation"].dump();
  CHECK(status_of(page.client().Get(text, page.as("bob"))) == 404);
  page.posted("ann", "/api/answer", ranked(anns, {1, 2, 3}));
  CHECK(status_of(page.post("bob", "/api/undo", {{"answer", anns["annotation"]}})) == 409);
  CHECK(page.labels() == 1);
}

TEST_CASE("what was answered counts, though its task or campaign was closed meanwhile") {
  Page page({{"good", "plain", "bad"}, 2, 1});
  const Json late = page.next("ann");
  AnnotationStore impatient(page.database, -1);
  const auto taken = impatient.next_task(page.campaign.id, page.annotators[1].id);
  page.posted("bob", "/api/answer",
              {{"annotation", taken->annotation_id}, {"ranks", {1, 1, 2}}, {"verdict", "submitted"}});
  page.posted("ann", "/api/answer", ranked(late, {3, 2, 1}));
  CHECK(page.labels() == 2);
  const Json last = page.next("bob");
  page.store.close_campaign(page.campaign.id);
  const Json state = page.posted("bob", "/api/answer", ranked(last, {1, 2, 3}));
  CHECK(page.labels() == 3);
  CHECK(state["open"] == false);
  CHECK(state["task"].is_null());
}
