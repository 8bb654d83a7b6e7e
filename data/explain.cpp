#include "data/explain.h"

#include <algorithm>
#include <deque>
#include <filesystem>
#include <map>
#include <memory>

#include "contract/error.h"
#include "contract/sha256.h"
#include "storage/manifest.h"
#include "storage/model_store.h"
#include "storage/run_store.h"

namespace rlhf {

namespace fs = std::filesystem;

namespace {

/// A model still to be looked at, and the ledger where the one before it was found.
struct Lead {
  SourceModel model;
  std::optional<ModelProvenance> provenance;
  std::string ledger;
};

class Explainer {
 public:
  explicit Explainer(const std::string& db) : db_(db) {
    if (!db.empty()) ledgers_[db] = std::make_unique<Database>(db, IfAbsent::kRefuse);
  }

  std::vector<ExplainedModel> walk(const ExplainRequest& request) {
    std::deque<Lead> leads{{{"", request.model_hash, request.path}, request.provenance, db_}};
    std::vector<ExplainedModel> models;
    while (!leads.empty()) {
      const Lead lead = std::move(leads.front());
      leads.pop_front();
      if (std::ranges::any_of(models, [&](const auto& m) { return m.model_hash == lead.model.model_hash; }))
        continue;
      models.push_back(look_at(lead));
      for (const SourceModel& source : models.back().sources)
        leads.push_back(
            {source, std::nullopt, models.back().ledger.empty() ? lead.ledger : models.back().ledger});
    }
    return models;
  }

 private:
  ExplainedModel look_at(const Lead& lead) {
    ExplainedModel model;
    model.model_hash = lead.model.model_hash;
    model.path = lead.model.path;
    ask_ledger(model, lead.ledger);
    look_in_run_folder(model);
    check_files(model);
    std::optional<ModelProvenance> said = lead.provenance;
    if (!said && model.checked && fs::is_directory(model.path)) said = read_provenance(model.path);
    if (said) ask_checkpoint(model, *said);
    for (ExplainedData& part : model.data) check_data(part);
    return model;
  }

  /// What the ledger knows of the model and of the run that made it.
  void ask_ledger(ExplainedModel& model, const std::string& ledger) {
    Database* database = open(ledger);
    if (!database) return;
    const std::optional<ModelRecord> known = find_model(*database, model.model_hash);
    if (!known) return;
    model.name = known->name;
    model.stage = known->stage;
    if (!known->path.empty() && !fs::exists(model.path)) model.path = known->path;
    for (const ModelParent& parent : known->parents)
      model.sources.push_back({parent.role, parent.model_hash, {}});
    if (const auto run = run_that_made(*database, model.model_hash)) take_run(model, *database, *run, ledger);
  }

  void take_run(ExplainedModel& model, Database& database, int64_t run, const std::string& ledger) {
    const RunRecord record = read_run(database, run);
    model.run_id = record.uid;
    model.output_dir = record.output_dir;
    model.ledger = ledger;
    model.stage = record.stage;
    model.sources.clear();
    for (const ModelParent& parent : record.models) {
      const std::optional<ModelRecord> known = find_model(database, parent.model_hash);
      model.sources.push_back({parent.role, parent.model_hash, known ? known->path : std::string()});
    }
    model.data.clear();
    for (const RunData& part : run_data(database, run)) model.data.push_back({part, false, {}, {}});
  }

  /// What the checkpoint says of itself fills in what the ledger did not know; it may name the ledger that
  /// does.
  void ask_checkpoint(ExplainedModel& model, const ModelProvenance& said) {
    if (model.run_id.empty()) {
      for (const std::string& ledger : {db_, said.ledger}) {
        Database* database = open(ledger);
        const auto run = database ? find_run(*database, said.run_id) : std::nullopt;
        if (run) {
          take_run(model, *database, *run, ledger);
          break;
        }
      }
    }
    if (model.stage.empty()) model.stage = said.stage;
    if (model.run_id.empty()) {
      model.run_id = said.run_id;
      model.sources = said.models;
      for (const RunData& part : said.data) model.data.push_back({part, false, {}, {}});
    }
    for (SourceModel& source : model.sources)
      for (const SourceModel& there : said.models)
        if (source.path.empty() && source.model_hash == there.model_hash) source.path = there.path;
  }

  /// A model that was handed on by a server is where its run left it.
  static void look_in_run_folder(ExplainedModel& model) {
    if (model.output_dir.empty() || fs::exists(model.path)) return;
    const fs::path final_model = fs::path(model.output_dir) / "final";
    if (fs::is_directory(final_model)) model.path = final_model.string();
  }

  static void check_files(ExplainedModel& model) {
    if (fs::is_regular_file(model.path)) return check_file(model);
    if (model.path.empty() || !fs::is_directory(model.path)) {
      model.fault =
          model.path.empty() ? "where its files are is not known" : "there is no folder " + model.path;
      return;
    }
    try {
      if (verify(model.path).model_hash == model.model_hash)
        model.checked = true;
      else
        model.fault = model.path + " holds another model now";
    } catch (const UserError& error) {
      model.fault = error.what();
    }
  }

  /// A file that a model was imported from, or the configuration of a model made from nothing.
  static void check_file(ExplainedModel& model) {
    if (model.stage.empty()) model.stage = "file";
    model.checked = sha256_file(model.path) == model.model_hash;
    if (!model.checked) model.fault = model.path + " has changed";
  }

  void check_data(ExplainedData& part) {
    if (!part.data.files.empty()) return check_data_files(part);
    for (const std::string& ledger : {db_, part.data.ledger}) {
      if (part.checked) return;
      Database* database = open(ledger);
      if (!database) continue;
      try {
        const RebuiltData rebuilt = rebuild_run_data(*database, part.data);
        part.checked = rebuilt.sha256 == part.data.sha256;
        part.origins = rebuilt.origins;
        part.fault = part.checked ? ""
                                  : ledger + " gives " + std::to_string(rebuilt.records) +
                                        " records with the hash " + rebuilt.sha256;
      } catch (const UserError& error) {
        part.fault = error.what();
      }
    }
    if (!part.checked && part.fault.empty()) part.fault = "there is no ledger " + part.data.ledger;
  }

  static void check_data_files(ExplainedData& part) {
    for (const DataFile& file : part.data.files) {
      if (file.sha256.empty())
        part.fault = "it came from " + file.path + ", which cannot be read again";
      else if (!fs::is_regular_file(file.path))
        part.fault = "there is no file " + file.path;
      else if (sha256_file(file.path) != file.sha256)
        part.fault = file.path + " has changed";
      else
        continue;
      return;
    }
    part.checked = true;
  }

  /// nullptr when there is no such ledger.
  Database* open(const std::string& ledger) {
    if (ledger.empty()) return nullptr;
    const auto [place, is_new] = ledgers_.try_emplace(ledger, nullptr);
    if (is_new && fs::is_regular_file(ledger)) {
      try {
        place->second = std::make_unique<Database>(ledger, IfAbsent::kRefuse);
      } catch (const UserError&) {
        return nullptr;  // not a ledger any more: the same as absent
      }
    }
    return place->second.get();
  }

  const std::string db_;
  std::map<std::string, std::unique_ptr<Database>> ledgers_;
};

}  // namespace

std::vector<ExplainedModel> explain_model(const ExplainRequest& request) {
  return Explainer(request.db).walk(request);
}

}  // namespace rlhf
