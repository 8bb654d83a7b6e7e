// Label Studio tasks: {"data": {"prompt", "items": [{"id", "body"}]}, "annotations": [{"completed_by",
// "result":
// [{"type": "ranker", "value": {"ranker": {"<name of the control>": [ids best first]}}}]}]}, the list alone
// in older exports. Pairwise tasks hold {"prompt", "answer1", "answer2"} in data and {"type": "pairwise",
// "value": {"selected": "left"}} as the result. Each annotation is a ranking.
#include <algorithm>
#include <set>
#include <utility>

#include "formats/format_list.h"
#include "formats/ranking_fields.h"

namespace rlhf {

using nlohmann::json;
using nlohmann::ordered_json;

namespace {

bool is_label_studio(const json& record) {
  return has(record, "data") && record["data"].is_object() && has_list(record, "annotations");
}

struct Items {
  std::vector<std::string> ids;
  std::vector<std::string> texts;
};

Items items_of(const json& data) {
  Items items;
  if (has(data, "items")) {
    for (const json& item : required_list(data, "items")) {
      items.ids.push_back(text_or_empty(item, "id"));
      items.texts.push_back(required_text(item, "body"));
    }
    return items;
  }
  for (const auto& [left, right] :
       {std::pair{"answer1", "answer2"}, std::pair{"response_a", "response_b"}, std::pair{"left", "right"}}) {
    if (has(data, left) && has(data, right))
      return {{"left", "right"}, {required_text(data, left), required_text(data, right)}};
  }
  throw BadRecord("field 'data' holds neither 'items' nor two answers ('answer1' and 'answer2')");
}

std::vector<int> ranks_from_ids(const json& order, const Items& items) {
  std::vector<int> ranks(items.ids.size(), 0);
  int rank = 1;
  for (const json& entry : order) {
    const std::string id = scalar_text(entry);
    const auto found = std::find(items.ids.begin(), items.ids.end(), id);
    if (found == items.ids.end())
      throw BadRecord("the ranker names item '" + id + "', which the task does not have");
    int& slot = ranks[static_cast<std::size_t>(found - items.ids.begin())];
    if (slot != 0) throw BadRecord("the ranker names item '" + id + "' twice");
    slot = rank++;
  }
  for (std::size_t i = 0; i < ranks.size(); ++i) {
    if (ranks[i] == 0) throw BadRecord("the ranker leaves out item '" + items.ids[i] + "'");
  }
  return ranks;
}

/// The one list of a ranker.
const json& order_in(const json& ranker) {
  if (ranker.is_array()) return ranker;
  if (!ranker.is_object() || ranker.size() != 1 || !ranker.begin()->is_array())
    throw BadRecord("the ranker sorts into buckets, which is not one order");
  return *ranker.begin();
}

/// The ranks one annotation gives; empty when its results hold none.
std::vector<int> ranks_of(const json& annotation, const Items& items) {
  for (const json& result : required_list(annotation, "result")) {
    const std::string type = text_or_empty(result, "type");
    if (type == "ranker")
      return ranks_from_ids(order_in(required(required(result, "value"), "ranker")), items);
    if (type == "pairwise") {
      if (items.ids.size() != 2)
        throw BadRecord("a pairwise choice needs two items, there are " + std::to_string(items.ids.size()));
      const std::string selected = required_text(required(result, "value"), "selected");
      if (selected != "left" && selected != "right")
        throw BadRecord("'selected' is '" + selected + "', not left or right");
      return selected == "left" ? std::vector<int>{1, 2} : std::vector<int>{2, 1};
    }
  }
  throw BadRecord("the annotation holds no ranker and no pairwise result");
}

std::string annotator_of(const json& annotation) {
  if (has(annotation, "completed_by") && annotation["completed_by"].is_object()) {
    return text_or_empty(annotation["completed_by"], "email");
  }
  return text_or_empty(annotation, "completed_by");
}

void read_label_studio(const json& record, ReadRecords& into) {
  const json& data = required(record, "data");
  if (!data.is_object()) throw BadRecord("field 'data' must be an object, not " + type_in_words(data));
  const Prompt prompt = prompt_of(required(data, "prompt"), "field 'prompt' of 'data'");
  const Items items = items_of(data);
  std::vector<std::string> names;
  for (const std::string& id : items.ids) names.push_back("item '" + id + "'");
  const json& annotations = required_list(record, "annotations");
  for (std::size_t i = 0; i < annotations.size(); ++i) {
    try {
      if (text_or_empty(annotations[i], "was_cancelled") == "true")
        throw BadRecord("the annotator skipped it");
      Provenance known = has(record, "meta") ? provenance_of(record["meta"]) : Provenance();
      known.source_id = text_or_empty(record, "id");
      known.annotator = annotator_of(annotations[i]);
      if (has(data, "items")) known.response_ids = items.ids;
      into.records.push_back(
          make_ranking({prompt, items.texts, ranks_of(annotations[i], items)}, std::move(known), names));
    } catch (const BadRecord& problem) {
      into.rejected.push_back("annotation " + std::to_string(i) + ": " + problem.what());
    }
  }
}

/// The ids the responses had, where each has one of its own, else their places.
std::vector<std::string> item_ids(const ImportRecord& record) {
  std::vector<std::string> ids = record.provenance.response_ids;
  const std::set<std::string> distinct(ids.begin(), ids.end());
  const std::size_t k = ranking_in(record).responses.size();
  if (distinct.size() == k && !distinct.contains("")) return ids;
  ids.clear();
  for (std::size_t i = 1; i <= k; ++i) ids.push_back(std::to_string(i));
  return ids;
}

void write_label_studio(const ImportRecord& record, JsonObjects& into) {
  const Ranking& ranking = ranking_in(record);
  const std::size_t k = ranking.responses.size();
  ordered_json items = ordered_json::array();
  const std::vector<std::string> ids = item_ids(record);
  std::vector<std::string> order(k);
  for (std::size_t i = 0; i < k; ++i) {
    items.push_back(
        {{"id", ids[i]}, {"title", "Response " + std::to_string(i + 1)}, {"body", ranking.responses[i]}});
    std::string& place = order[static_cast<std::size_t>(ranking.ranks[i]) - 1];
    if (!place.empty()) throw BadRecord("Label Studio's ranker knows no ties");
    place = ids[i];
  }
  ordered_json result = {{"from_name", "rank"},
                         {"to_name", "items"},
                         {"type", "ranker"},
                         {"value", {{"ranker", {{"rank", order}}}}}};
  ordered_json annotation = {{"result", ordered_json::array({result})}, {"was_cancelled", false}};
  if (!record.provenance.annotator.empty())
    annotation["completed_by"] = {{"email", record.provenance.annotator}};
  Provenance rest = record.provenance;  // what has no place of its own
  const std::string id = std::exchange(rest.source_id, {});
  rest.annotator.clear();
  ordered_json meta;
  write_provenance(rest, meta);
  ordered_json task;
  if (!id.empty()) task["id"] = id;
  task["data"] = {{"prompt", prompt_json(ranking.prompt)}, {"items", std::move(items)}};
  task["annotations"] = ordered_json::array({std::move(annotation)});
  if (!meta.empty()) task["meta"] = std::move(meta);
  into.push_back(std::move(task));
}

}  // namespace

const Format kLabelStudio = {"label-studio",        "Label Studio tasks with ranker or pairwise annotations",
                             FormatKind::kRankings, is_label_studio,
                             read_label_studio,     write_label_studio};

}  // namespace rlhf
