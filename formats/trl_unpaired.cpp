// TRL's unpaired preference {"prompt", "completion", "label"}: one response and a thumb up or down.
#include "formats/format_list.h"
#include "formats/ranking_fields.h"

namespace rlhf {

using nlohmann::json;

namespace {

constexpr const char* kLabel = "label";

bool is_unpaired(const json& record) {
  return record.contains(completion_field(record)) && record.contains(kLabel);
}

void read_unpaired(const json& record, ReadRecords& into) {
  const bool label = truth_of(required(record, kLabel), field_name(kLabel));
  RatedResponse rated;
  rated.prompt = prompt_of(required(record, "prompt"), field_name("prompt"));
  const char* field = completion_field(record);
  rated.response = answer_of(required(record, field), rated.prompt, field_name(field));
  Provenance known = provenance_of(record);
  known.ratings = {{0, kLabel, label ? 1.0 : 0.0}};
  if (const std::string model = text_or_empty(record, "model"); !model.empty())
    known.response_models = {model};
  into.records.push_back({std::move(rated), std::move(known), {}});
}

void write_one(const Prompt& prompt, const std::string& response, bool label, const Provenance& known,
               JsonObjects& into) {
  nlohmann::ordered_json line;
  line["prompt"] = prompt_json(prompt);
  line["completion"] = answer_json(prompt, response);
  line[kLabel] = label;
  write_provenance(known, line);
  into.push_back(std::move(line));
}

/// Of a ranking the best responses are up, all others down, as TRL's own unpair_preference_dataset does for
/// pairs.
void write_unpaired(const ImportRecord& record, JsonObjects& into) {
  if (const auto* ranking = std::get_if<Ranking>(&record.content)) {
    if (untied_pairs(*ranking).empty()) throw BadRecord("every response is tied: there is no better one");
    for (std::size_t i = 0; i < ranking->responses.size(); ++i) {
      write_one(ranking->prompt, ranking->responses[i], ranking->ranks[i] == 1, record.provenance, into);
    }
    return;
  }
  const auto* rated = std::get_if<RatedResponse>(&record.content);
  if (!rated) throw BadRecord("a " + kind_name(record) + " holds no judged response");
  for (const ResponseRating& rating : record.provenance.ratings) {
    if (rating.aspect != kLabel) continue;
    write_one(rated->prompt, rated->response, rating.value > 0.5, record.provenance, into);
    if (!record.provenance.response_models.empty())
      into.back()["model"] = record.provenance.response_models[0];
    return;
  }
  throw BadRecord("the response has no label");
}

}  // namespace

const Format kTrlUnpaired = {
    "trl-unpaired",       R"(TRL unpaired preference: {"prompt", "completion", "label"})",
    FormatKind::kRatings, is_unpaired,
    read_unpaired,        write_unpaired};

}  // namespace rlhf
