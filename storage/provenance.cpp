#include "storage/provenance.h"

#include <fstream>
#include <iterator>

#include <nlohmann/json.hpp>

#include "contract/error.h"

namespace rlhf {

namespace fs = std::filesystem;
using nlohmann::ordered_json;

namespace {

constexpr int kFormatVersion = 1;
constexpr std::uintmax_t kLargest = 16 << 20;  // bytes of a provenance.json; data files are listed by name

ordered_json data_to_json(const RunData& data) {
  ordered_json json = {{"role", data.role},
                       {"kind", record_kind_name(data.kind)},
                       {"records", data.records},
                       {"sha256", data.sha256}};
  if (!data.files.empty()) {
    json["files"] = ordered_json::array();
    for (const DataFile& file : data.files)
      json["files"].push_back({{"path", file.path}, {"sha256", file.sha256}});
    return json;
  }
  json["ledger"] = data.ledger;
  json["split"] = data.selection.split;
  if (!data.selection.campaign.empty()) json["campaign"] = data.selection.campaign;
  if (!data.selection.source.empty()) json["source"] = data.selection.source;
  if (data.selection.through_tick) json["through_tick"] = *data.selection.through_tick;
  if (data.selection.through_row) json["through_row"] = *data.selection.through_row;
  return json;
}

std::optional<int64_t> integer_in(const ordered_json& json, const char* key) {
  return json.contains(key) ? std::optional(json.at(key).get<int64_t>()) : std::nullopt;
}

RunData data_from_json(const ordered_json& json) {
  RunData data;
  data.role = json.at("role").get<std::string>();
  data.kind = record_kind_named(json.at("kind").get<std::string>());
  data.records = json.at("records").get<int64_t>();
  data.sha256 = json.at("sha256").get<std::string>();
  for (const ordered_json& file : json.value("files", ordered_json::array()))
    data.files.push_back({file.at("path").get<std::string>(), file.at("sha256").get<std::string>()});
  data.ledger = json.value("ledger", "");
  data.selection.split = json.value("split", "");
  data.selection.campaign = json.value("campaign", "");
  data.selection.source = json.value("source", "");
  data.selection.through_tick = integer_in(json, "through_tick");
  data.selection.through_row = integer_in(json, "through_row");
  return data;
}

std::vector<RunData> parts_from_json(const ordered_json& list) {
  std::vector<RunData> parts;
  for (const ordered_json& part : list) parts.push_back(data_from_json(part));
  return parts;
}

ordered_json parts_to_json(const std::vector<RunData>& parts) {
  ordered_json list = ordered_json::array();
  for (const RunData& part : parts) list.push_back(data_to_json(part));
  return list;
}

/// A path may hold bytes that are not UTF-8; they become U+FFFD.
std::string text_of(const ordered_json& json) {
  return json.dump(2, ' ', false, ordered_json::error_handler_t::replace) + "\n";
}

}  // namespace

std::string run_data_to_json(const std::vector<RunData>& data) {
  return text_of(parts_to_json(data));
}

std::vector<RunData> run_data_from_json(const std::string& text, const std::string& where) {
  try {
    return parts_from_json(ordered_json::parse(text));
  } catch (const nlohmann::json::exception& error) {
    throw UserError(where + " does not say what a run reads: " + error.what());
  }
}

std::string provenance_to_json(const ModelProvenance& provenance) {
  ordered_json models = ordered_json::array();
  for (const SourceModel& model : provenance.models)
    models.push_back({{"role", model.role}, {"model_hash", model.model_hash}, {"path", model.path}});
  const ordered_json json = {{"format_version", kFormatVersion},
                             {"stage", provenance.stage},
                             {"run_id", provenance.run_id},
                             {"ledger", provenance.ledger},
                             {"models", models},
                             {"data", parts_to_json(provenance.data)}};
  return text_of(json);
}

ModelProvenance provenance_from_json(const std::string& text, const std::string& where) {
  ModelProvenance provenance;
  try {
    const ordered_json json = ordered_json::parse(text);
    if (const int version = json.at("format_version").get<int>(); version != kFormatVersion)
      throw UserError(where + ": format_version " + std::to_string(version) + "; this program reads " +
                      std::to_string(kFormatVersion));
    provenance.stage = json.at("stage").get<std::string>();
    provenance.run_id = json.at("run_id").get<std::string>();
    provenance.ledger = json.at("ledger").get<std::string>();
    for (const ordered_json& model : json.at("models"))
      provenance.models.push_back({model.at("role").get<std::string>(),
                                   model.at("model_hash").get<std::string>(),
                                   model.at("path").get<std::string>()});
    provenance.data = parts_from_json(json.at("data"));
  } catch (const nlohmann::json::exception& error) {
    throw UserError(where + " is not the provenance of a model: " + error.what());
  }
  return provenance;
}

std::optional<ModelProvenance> read_provenance(const fs::path& folder) {
  const fs::path path = folder / kProvenanceName;
  if (!fs::is_regular_file(path)) return std::nullopt;
  if (fs::file_size(path) > kLargest)
    throw UserError(path.string() + " is too large to be the provenance of a model");
  std::ifstream file(path, std::ios::binary);
  if (!file) throw UserError("cannot read " + path.string());
  return provenance_from_json({std::istreambuf_iterator<char>(file), {}}, path.string());
}

}  // namespace rlhf
