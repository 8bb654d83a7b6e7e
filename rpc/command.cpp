#include "rpc/command.h"

#include <chrono>
#include <iostream>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

#include "cli/compute_flags.h"
#include "cli/interrupt.h"
#include "cli/model_reference.h"
#include "cli/reward_models.h"
#include "contract/error.h"
#include "log/log.h"
#include "rpc/server.h"
#include "storage/folder_checkpoint_store.h"
#include "text/tokenizer.h"

namespace rlhf {
namespace {

constexpr char kDefaultRewardName[] = "reward";
constexpr std::chrono::milliseconds kLookForInterrupt{50};

struct ServeFlags {
  std::string listen;
  std::string store;
  std::vector<std::string> reward_models;
  ComputeFlags compute;
};

/// Loads "NAME=MODEL" or "MODEL"; MODEL may be an ensemble.
void add_reward_model(RewardBoard& board, const std::string& named, const ComputeFlags& compute) {
  const std::size_t equals = named.find('=');
  const bool has_name = equals != std::string::npos && is_model_name(named.substr(0, equals));
  const std::string name = has_name ? named.substr(0, equals) : kDefaultRewardName;
  const std::string reference = has_name ? named.substr(equals + 1) : named;
  const std::vector<ModelFiles> members = open_reward_models(reference, "--reward_model");
  board.add(name,
            {load_reward_models(members, compute.torch_dtype(), compute.torch_device(), "--reward_model"),
             reward_hash(members), load_tokenizer(members.front()).hash()});
}

void serve_until_interrupted(const ServeFlags& flags) {
  const Address listen = parse_listen_address(flags.listen);
  if (flags.store.empty() && flags.reward_models.empty())
    throw UserError("there is nothing to serve: give --store DIR, --reward_model MODEL, or both");
  flags.compute.apply_threads();
  std::optional<FolderCheckpointStore> store;
  if (!flags.store.empty()) store.emplace(flags.store);
  RewardBoard board;
  for (const std::string& named : flags.reward_models) add_reward_model(board, named, flags.compute);

  catch_interrupts();
  Server server(listen, {store ? &*store : nullptr, nullptr, board.empty() ? nullptr : &board});
  std::cout << nlohmann::json{{"listening", server.address().text()}}.dump() << std::endl;
  while (!interrupt_requested()) std::this_thread::sleep_for(kLookForInterrupt);
  log::info("stopping");
}

}  // namespace

void add_serve_command(CLI::App& app) {
  auto flags = std::make_shared<ServeFlags>();
  CLI::App* command =
      app.add_subcommand("serve", "Offer a checkpoint store and reward models to other stages over gRPC");
  command
      ->add_option("--listen", flags->listen,
                   "HOST:PORT on this machine; port 0 picks one. The address is the first line on stdout")
      ->required();
  command->add_option("--store", flags->store,
                      "Folder of the models offered and published, NAME/VERSION/; made when absent");
  command->add_option(
      "--reward_model", flags->reward_models,
      "A reward model to score with: MODEL, offered as \"reward\", or NAME=MODEL; MODEL,MODEL,... is an "
      "ensemble; may be given again");
  add_compute_flags(*command, flags->compute, "float32");
  command->callback([flags] { serve_until_interrupted(*flags); });
}

}  // namespace rlhf
