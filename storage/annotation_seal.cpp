#include "storage/annotation_seal.h"

#include "storage/key_hash.h"

namespace rlhf {

namespace {

std::string part(std::optional<int64_t> value) {
  return value ? std::to_string(*value) : std::string();
}

std::string part(std::optional<double> value) {
  return value ? exact(*value) : std::string();
}

template <class T>
std::optional<T> optional_in(const SQLite::Column& column) {
  if (column.isNull()) return std::nullopt;
  if constexpr (std::is_same_v<T, double>)
    return column.getDouble();
  else
    return column.getInt64();
}

}  // namespace

Sha256Digest SealedAnnotation::seal() const {
  KeyHash hash;
  hash.add(std::to_string(prompt_id)).add(part(task_id)).add(part(annotator_id)).add(part(import_id));
  hash.add(part(margin)).add(part(confidence)).add(note).add(source_id);
  hash.add(part(submitted_ms)).add(part(submitted_tick)).add(std::to_string(places.size()));
  for (const auto& [response, place] : places)
    hash.add(std::to_string(response)).add(std::to_string(place.position)).add(part(place.rank));
  for (const auto& [key, value] : ratings)
    hash.add(std::to_string(key.first)).add(key.second).add(exact(value));
  return hash.digest();
}

SealReader::SealReader(SQLite::Database& db)
    : head_(db,
            "SELECT prompt_id, task_id, annotator_id, import_id, margin, confidence, COALESCE(note, ''), "
            "COALESCE(source_id, ''), submitted_ms, submitted_tick FROM annotations WHERE id = ?"),
      places_(db, "SELECT response_id, position, rank FROM ranks WHERE annotation_id = ?"),
      ratings_(db, "SELECT response_id, aspect, value FROM ratings WHERE annotation_id = ?") {}

SealedAnnotation SealReader::read(int64_t annotation) {
  SealedAnnotation read;
  bind_all(head_, annotation).executeStep();
  read.prompt_id = head_.getColumn(0).getInt64();
  read.task_id = optional_in<int64_t>(head_.getColumn(1));
  read.annotator_id = optional_in<int64_t>(head_.getColumn(2));
  read.import_id = optional_in<int64_t>(head_.getColumn(3));
  read.margin = optional_in<double>(head_.getColumn(4));
  read.confidence = optional_in<double>(head_.getColumn(5));
  read.note = head_.getColumn(6).getString();
  read.source_id = head_.getColumn(7).getString();
  read.submitted_ms = optional_in<int64_t>(head_.getColumn(8));
  read.submitted_tick = optional_in<int64_t>(head_.getColumn(9));
  head_.reset();
  bind_all(places_, annotation);
  while (places_.executeStep())
    read.places[places_.getColumn(0).getInt64()] = {places_.getColumn(1).getInt64(),
                                                    optional_in<int64_t>(places_.getColumn(2))};
  bind_all(ratings_, annotation);
  while (ratings_.executeStep())
    read.ratings[{ratings_.getColumn(0).getInt64(), ratings_.getColumn(1).getString()}] =
        ratings_.getColumn(2).getDouble();
  return read;
}

}  // namespace rlhf
