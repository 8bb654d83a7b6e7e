#include "tests/end_to_end/page_people.h"

#include <algorithm>
#include <chrono>
#include <optional>

#include <httplib.h>
#include <nlohmann/json.hpp>

namespace rlhf::test {
namespace {

using nlohmann::json;

/// Dense ranks, ties among them.
std::vector<int> drawn_ranks(std::mt19937_64& random, std::size_t count) {
  std::vector<int> ranks;
  for (std::size_t i = 0; i < count; ++i) ranks.push_back(static_cast<int>(random() % count));
  std::vector<int> distinct = ranks;
  std::sort(distinct.begin(), distinct.end());
  distinct.erase(std::unique(distinct.begin(), distinct.end()), distinct.end());
  for (int& rank : ranks)
    rank = static_cast<int>(std::lower_bound(distinct.begin(), distinct.end(), rank) - distinct.begin()) + 1;
  return ranks;
}

}  // namespace

/// One person at one server, until it dies or they leave.
class PagePeople::Visit {
 public:
  Visit(PagePeople& all, Person& person, const std::string& link)
      : all_(all), person_(person), client_(link.substr(0, link.find("/a/"))) {
    client_.set_read_timeout(60);
    client_.set_default_headers({{"Authorization", "Bearer " + link.substr(link.rfind('/') + 1)}});
  }

  void stay() {
    if (person_.owes && !deliver()) return;
    while (!all_.leaving_) {
      if (!task_ && !take_task()) return;
      if (!rank_it()) return;
      if (person_.random() % 12 == 0 && !take_back()) return;
      std::this_thread::sleep_for(std::chrono::milliseconds(person_.random() % 30));
    }
  }

 private:
  /// Nothing when the server is gone.
  std::optional<json> post(const std::string& path, const json& body) {
    const auto reply = client_.Post(path, body.dump(), "application/json");
    if (!reply) return std::nullopt;
    if (reply->status == 200) return json::parse(reply->body);
    const std::lock_guard lock(all_.mutex_);
    all_.surprises_.push_back(person_.name + ": " + path + " " + body.dump() + " gave " +
                              std::to_string(reply->status) + " " + reply->body);
    return std::nullopt;
  }

  bool take_task() {
    const auto reply = post("/api/next", json::object());
    if (reply) task_ = (*reply)["task"];
    return reply && !task_->is_null();
  }

  bool rank_it() {
    SentAnswer answer;
    answer.annotation = (*task_)["annotation"];
    answer.ranks = drawn_ranks(person_.random, (*task_)["responses"].size());
    if (person_.random() % 2 && !post("/api/draft", body(answer))) return false;
    all_.record(person_, answer);
    return deliver();
  }

  static json body(const SentAnswer& answer) {
    return {{"annotation", answer.annotation}, {"ranks", answer.ranks}, {"note", "as drawn"}};
  }

  /// Sends the last answer, perhaps again.
  bool deliver() {
    json answer = body(person_.sent.back());
    answer["verdict"] = "submitted";
    const auto reply = post("/api/answer", answer);
    if (!reply) return false;
    const std::lock_guard lock(all_.mutex_);
    person_.sent.back().acknowledged = true;
    person_.owes = false;
    task_ = (*reply)["task"];
    if (task_->is_null()) task_.reset();
    return true;
  }

  bool take_back() {
    {
      const std::lock_guard lock(all_.mutex_);
      person_.sent.back().taken_back = true;
    }
    const auto reply = post("/api/undo", {{"answer", person_.sent.back().annotation}});
    if (reply) task_ = (*reply)["task"];
    return reply.has_value();
  }

  PagePeople& all_;
  Person& person_;
  httplib::Client client_;
  std::optional<json> task_;
};

PagePeople::PagePeople(std::vector<std::string> names, uint64_t seed) : people_(names.size()) {
  for (std::size_t i = 0; i < names.size(); ++i) {
    people_[i].name = names[i];
    people_[i].random.seed(seed + i);
  }
}

PagePeople::~PagePeople() {
  leave();
}

void PagePeople::go_to(const std::string& first_line) {
  leave();
  leaving_ = false;
  const json links = json::parse(first_line).at("links");
  for (Person& person : people_)
    person.thread = std::thread([this, &person, link = links.at(person.name).get<std::string>()] {
      Visit(*this, person, link).stay();
    });
}

void PagePeople::leave() {
  leaving_ = true;
  for (Person& person : people_)
    if (person.thread.joinable()) person.thread.join();
}

void PagePeople::record(Person& person, const SentAnswer& answer) {
  const std::lock_guard lock(mutex_);
  person.sent.push_back(answer);
  person.owes = true;
}

std::vector<SentAnswer> PagePeople::answers() const {
  const std::lock_guard lock(mutex_);
  std::vector<SentAnswer> all;
  for (const Person& person : people_) all.insert(all.end(), person.sent.begin(), person.sent.end());
  return all;
}

std::vector<std::string> PagePeople::surprises() const {
  const std::lock_guard lock(mutex_);
  return surprises_;
}

}  // namespace rlhf::test
