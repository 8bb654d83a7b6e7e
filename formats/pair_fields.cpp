#include "formats/pair_fields.h"

#include <array>

namespace rlhf {

using nlohmann::json;
using nlohmann::ordered_json;

namespace {

struct SideFields {
  std::array<const char*, 2> model, score;
};

constexpr std::array<SideFields, 2> kSides = {
    SideFields{{"chosen_model", "chosen-model"}, {"score_chosen", "chosen-rating"}},
    SideFields{{"rejected_model", "rejected-model"}, {"score_rejected", "rejected-rating"}}};

}  // namespace

Provenance pair_provenance(const json& record) {
  Provenance known = provenance_of(record);
  std::vector<std::string> models(kSides.size());
  for (std::size_t i = 0; i < kSides.size(); ++i) {
    for (const char* name : kSides[i].model) {
      if (models[i].empty()) models[i] = text_or_empty(record, name);
    }
    for (const char* name : kSides[i].score) {
      if (const auto score = number_if_present(record, name)) {
        known.ratings.push_back({i, "overall", *score});
        break;
      }
    }
  }
  if (!models[0].empty() || !models[1].empty()) known.response_models = std::move(models);
  return known;
}

ImportRecord pair_record(RankedResponses pair, const json& record) {
  pair.ranks = {1, 2};
  ImportRecord made = make_pair(std::move(pair), pair_provenance(record));
  std::get<Ranking>(made.content).margin = optional_number(record, "margin");
  return made;
}

void write_pair_provenance(const ImportRecord& record, std::pair<std::size_t, std::size_t> pair,
                           ordered_json& into) {
  const Ranking& ranking = ranking_in(record);
  if (ranking.margin) into["margin"] = *ranking.margin;
  const Provenance& known = record.provenance;
  const std::array<std::size_t, 2> responses = {pair.first, pair.second};
  for (std::size_t i = 0; i < kSides.size(); ++i) {
    const std::size_t response = responses[i];
    if (!known.response_models.empty() && !known.response_models[response].empty())
      into[kSides[i].model[0]] = known.response_models[response];
  }
  for (std::size_t i = 0; i < kSides.size(); ++i) {
    for (const ResponseRating& rating : known.ratings) {
      if (rating.aspect == "overall" && rating.response == responses[i])
        into[kSides[i].score[0]] = rating.value;
    }
  }
  write_provenance(known, into);
}

std::vector<std::pair<std::size_t, std::size_t>> pairs_to_write(const ImportRecord& record) {
  auto pairs = untied_pairs(ranking_in(record));
  if (pairs.empty()) throw BadRecord("every response is tied: there is no pair");
  return pairs;
}

}  // namespace rlhf
