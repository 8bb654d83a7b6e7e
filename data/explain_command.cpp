#include "data/explain_command.h"

#include <filesystem>
#include <iostream>
#include <memory>

#include <CLI/CLI.hpp>

#include "contract/error.h"
#include "data/explain.h"
#include "data/trace.h"
#include "rpc/model_address.h"
#include "storage/manifest.h"
#include "storage/model_store.h"
#include "text/tokenizer.h"

namespace rlhf {
namespace {

namespace fs = std::filesystem;

struct ExplainFlags {
  std::string model, db;
};

/// MODEL is a folder or an address; a model hash, or the first digits of it, with --db.
ExplainRequest request_for(const ExplainFlags& flags) {
  ExplainRequest request;
  request.db = flags.db;
  if (is_model_address(flags.model)) {
    const CheckpointBytes checkpoint = fetch_model(flags.model);
    request.model_hash = checkpoint.manifest.model_hash;
    request.path = flags.model;
    if (const CheckpointFile* said = checkpoint.find(kProvenanceName))
      request.provenance = provenance_from_json(*said->bytes, flags.model);
  } else if (fs::is_directory(flags.model)) {
    request.model_hash = verify(flags.model).model_hash;
    request.path = fs::absolute(flags.model).lexically_normal().string();
    request.provenance = read_provenance(flags.model);
  } else {
    if (flags.db.empty())
      throw UserError(flags.model +
                      ": no such folder; a model is a folder, grpc://HOST:PORT/NAME, or with --db a hash");
    Database ledger(flags.db, IfAbsent::kRefuse);
    request.model_hash = model_with_prefix(ledger, flags.model);
  }
  return request;
}

void explain(const ExplainFlags& flags) {
  const std::vector<ExplainedModel> models = explain_model(request_for(flags));
  std::cout << explanation_json(models) << std::endl;
  std::cerr << explanation_text(models);
}

/// What token ids say, by the tokenizer of the policy where its folder is still there.
TokenText token_texts(Database& ledger, const RunRecord& run) {
  for (const ModelParent& model : run.models) {
    const std::optional<ModelRecord> known = find_model(ledger, model.model_hash);
    if (model.role != "initial" || !known || !fs::is_regular_file(fs::path(known->path) / "tokenizer.json"))
      continue;
    const auto tokenizer = std::make_shared<const Tokenizer>(Tokenizer::load(known->path));
    return [tokenizer](TokenId id) { return tokenizer->decode({id}, /*skip_special_tokens=*/false); };
  }
  return [](TokenId) { return std::string(); };
}

struct TraceFlags {
  std::string db;
  int64_t trajectory = 0;
};

void trace(const TraceFlags& flags) {
  Database ledger(flags.db, IfAbsent::kRefuse);
  const TrajectoryTrace found = trace_trajectory(ledger, flags.trajectory);
  const TokenText text = token_texts(ledger, found.run);
  std::cout << trace_json(found, text) << std::endl;
  std::cerr << trace_text(found, text);
}

}  // namespace

void add_explain_command(CLI::App& app) {
  auto flags = std::make_shared<ExplainFlags>();
  CLI::App* command = app.add_subcommand(
      "explain", "what a model was made from: models, labels, annotators, imports, with their hashes");
  command->add_option("model", flags->model, "a folder, grpc://HOST:PORT/NAME, or with --db a model hash")
      ->required();
  command->add_option("--db", flags->db, "ledger to ask; without it those that the checkpoints name");
  command->callback([flags] { explain(*flags); });
}

void add_trace_command(CLI::App& data) {
  auto flags = std::make_shared<TraceFlags>();
  CLI::App* command = data.add_subcommand(
      "trace", "One PPO rollout: tokens, log-probabilities, KL, rewards, who scored it, its labels");
  command->add_option("trajectory", flags->trajectory, "Its id in the ledger")->required();
  command->add_option("--db", flags->db, "The ledger")->required();
  command->callback([flags] { trace(*flags); });
}

}  // namespace rlhf
