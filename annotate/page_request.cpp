#include "annotate/page_request.h"

#include <nlohmann/json.hpp>

namespace rlhf {

namespace {

using nlohmann::json;

constexpr std::size_t kMostRanks = 1000;

json parse_object(const std::string& body) {
  json object = json::parse(body, nullptr, /*allow_exceptions=*/false);
  if (!object.is_object()) throw RefusedRequest(400, "the request is not a JSON object");
  return object;
}

int64_t integer(const json& object, const char* name) {
  const auto found = object.find(name);
  if (found == object.end() || !found->is_number_integer() || *found < 0 || *found > INT64_MAX)
    throw RefusedRequest(400, std::string("\"") + name + "\" is not a whole number");
  return found->get<int64_t>();
}

std::vector<std::optional<int>> ranks_of(const json& object) {
  const auto found = object.find("ranks");
  if (found == object.end() || !found->is_array() || found->size() > kMostRanks)
    throw RefusedRequest(400, "\"ranks\" is not a list of one rank a response");
  std::vector<std::optional<int>> ranks;
  for (const json& rank : *found) {
    if (rank.is_null()) {
      ranks.emplace_back();
    } else if (rank.is_number_integer() && rank >= 1 && rank <= kMostRanks) {
      ranks.emplace_back(rank.get<int>());
    } else {
      throw RefusedRequest(400, "a rank is a whole number from 1, or null where there is none yet");
    }
  }
  return ranks;
}

std::string note_of(const json& object) {
  const auto found = object.find("note");
  if (found == object.end()) return {};
  if (!found->is_string()) throw RefusedRequest(400, "\"note\" is not a text");
  auto note = found->get<std::string>();
  if (note.size() > kLongestNote)
    throw RefusedRequest(413, "the note is longer than " + std::to_string(kLongestNote) + " bytes");
  return note;
}

std::optional<double> confidence_of(const json& object) {
  const auto found = object.find("confidence");
  if (found == object.end() || found->is_null()) return std::nullopt;
  if (!found->is_number()) throw RefusedRequest(400, "\"confidence\" is not a number");
  return found->get<double>();
}

Verdict verdict_of(const json& object) {
  const auto found = object.find("verdict");
  const std::string word = found != object.end() && found->is_string() ? found->get<std::string>() : "";
  if (word == "submitted") return Verdict::kSubmitted;
  if (word == "skipped") return Verdict::kSkipped;
  if (word == "not_rankable") return Verdict::kNotRankable;
  throw RefusedRequest(400, "\"verdict\" is submitted, skipped or not_rankable");
}

PageAnswer parse(const json& object) {
  return {integer(object, "annotation"),
          Verdict::kSubmitted,
          {ranks_of(object), note_of(object), confidence_of(object)}};
}

}  // namespace

PageAnswer parse_draft(const std::string& body) {
  return parse(parse_object(body));
}

PageAnswer parse_answer(const std::string& body) {
  const json object = parse_object(body);
  PageAnswer answer = parse(object);
  answer.verdict = verdict_of(object);
  return answer;
}

int64_t parse_undo(const std::string& body) {
  return integer(parse_object(body), "answer");
}

}  // namespace rlhf
