// What explain_model() found, in JSON and in words.
#include <map>

#include <nlohmann/json.hpp>

#include "data/explain.h"

namespace rlhf {

using nlohmann::ordered_json;

namespace {

constexpr std::size_t kOriginsShown = 20;

std::string short_hash(const std::string& hash) {
  return hash.substr(0, 12);
}

void set_if(ordered_json& json, const char* key, const std::string& value) {
  if (!value.empty()) json[key] = value;
}

ordered_json origin_json(const DataOrigin& origin) {
  ordered_json json = {{"records", origin.records}};
  set_if(json, "annotator", origin.annotator);
  set_if(json, "annotator_kind", origin.annotator_kind);
  set_if(json, "campaign", origin.campaign);
  set_if(json, "import", origin.import_path);
  set_if(json, "import_sha256", origin.import_sha256);
  return json;
}

ordered_json data_json(const ExplainedData& part) {
  ordered_json json = ordered_json::parse(run_data_to_json({part.data})).at(0);
  json["checked"] = part.checked;
  set_if(json, "fault", part.fault);
  if (!part.origins.empty()) json["origins"] = ordered_json::array();
  for (const DataOrigin& origin : part.origins) json["origins"].push_back(origin_json(origin));
  return json;
}

ordered_json model_json(const ExplainedModel& model) {
  ordered_json json = {{"model_hash", model.model_hash}};
  set_if(json, "name", model.name);
  set_if(json, "stage", model.stage);
  set_if(json, "path", model.path);
  set_if(json, "run_id", model.run_id);
  set_if(json, "output_dir", model.output_dir);
  set_if(json, "ledger", model.ledger);
  json["checked"] = model.checked;
  set_if(json, "fault", model.fault);
  json["models"] = ordered_json::array();
  for (const SourceModel& source : model.sources)
    json["models"].push_back({{"role", source.role}, {"model_hash", source.model_hash}});
  json["data"] = ordered_json::array();
  for (const ExplainedData& part : model.data) json["data"].push_back(data_json(part));
  return json;
}

std::string origin_text(const DataOrigin& origin) {
  std::string text = "      " + std::to_string(origin.records) + "  ";
  text += origin.annotator.empty() ? "by nobody named"
                                   : "by " + origin.annotator + " (" + origin.annotator_kind + ")";
  if (!origin.campaign.empty()) text += ", campaign " + origin.campaign;
  if (!origin.import_path.empty()) text += ", from " + origin.import_path;
  if (!origin.import_sha256.empty()) text += ", SHA-256 " + short_hash(origin.import_sha256);
  return text + '\n';
}

std::string place_text(const RunData& data) {
  if (!data.files.empty()) {
    std::string text;
    for (const DataFile& file : data.files)
      text += (text.empty() ? "" : ", ") + file.path + " (SHA-256 " + short_hash(file.sha256) + ")";
    return text;
  }
  std::string text = "split " + data.selection.split;
  if (!data.selection.campaign.empty()) text += ", campaign " + data.selection.campaign;
  if (!data.selection.source.empty()) text += ", source " + data.selection.source;
  if (data.kind == RecordKind::kRanking && data.selection.through_tick)
    text += ", through tick " + std::to_string(*data.selection.through_tick);
  return text + " of " + data.ledger;
}

std::string data_text(const ExplainedData& part) {
  std::string text = "  " + std::string(part.data.role == "eval" ? "evaluated" : "trained") + " on " +
                     std::to_string(part.data.records) + ' ' + record_kind_name(part.data.kind) + ", " +
                     place_text(part.data) + "\n    SHA-256 " + part.data.sha256 +
                     (part.checked ? ": read again, the same\n" : ": not confirmed: " + part.fault + '\n');
  for (std::size_t i = 0; i < std::min(part.origins.size(), kOriginsShown); ++i)
    text += origin_text(part.origins[i]);
  if (part.origins.size() > kOriginsShown)
    text += "      and " + std::to_string(part.origins.size() - kOriginsShown) + " more\n";
  return text;
}

std::string model_text(const ExplainedModel& model) {
  std::string text = (model.stage.empty() ? "model" : model.stage) + ' ' + model.model_hash + '\n';
  if (!model.path.empty()) text += "  " + model.path + (model.checked ? ": files checked\n" : "\n");
  if (!model.fault.empty()) text += "  not confirmed: " + model.fault + '\n';
  if (!model.run_id.empty())
    text +=
        "  made by run " + model.run_id + (model.output_dir.empty() ? "" : " in " + model.output_dir) + '\n';
  std::map<std::string, std::string> roles;  // several roles of one model on one line
  for (const SourceModel& source : model.sources) {
    std::string& names = roles[source.model_hash];
    names += (names.empty() ? "" : ", ") + source.role;
  }
  for (const auto& [hash, names] : roles) text += "  from " + short_hash(hash) + " (" + names + ")\n";
  for (const ExplainedData& part : model.data) text += data_text(part);
  return text;
}

}  // namespace

std::string explanation_json(const std::vector<ExplainedModel>& models) {
  ordered_json list = ordered_json::array();
  for (const ExplainedModel& model : models) list.push_back(model_json(model));
  return ordered_json{{"models", list}}.dump(-1, ' ', false, ordered_json::error_handler_t::replace);
}

std::string explanation_text(const std::vector<ExplainedModel>& models) {
  std::string text;
  for (const ExplainedModel& model : models) text += (text.empty() ? "" : "\n") + model_text(model);
  return text;
}

}  // namespace rlhf
