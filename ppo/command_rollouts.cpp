#include "ppo/command_rollouts.h"

#include <chrono>
#include <iostream>

#include <nlohmann/json.hpp>

#include "cli/interrupt.h"
#include "rpc/memory_checkpoint_store.h"
#include "rpc/rollout_broker.h"
#include "rpc/server.h"

namespace rlhf {
namespace {

constexpr char kRewardModel[] = "reward-";  // and the number of the member

BrokerOptions broker_options(const PpoFlags& flags, int64_t vocab_size) {
  BrokerOptions options;
  options.vocab_size = vocab_size;
  options.lease = std::chrono::seconds(flags.lease_seconds);
  options.max_staleness = flags.options.max_staleness;
  options.instruction_set = at::get_cpu_capability();
  options.interrupted = interrupt_requested;
  return options;
}

CheckpointBytes bytes_of(const ModelFiles& files) {
  CheckpointBytes checkpoint;
  checkpoint.manifest = files.manifest();
  for (const ManifestEntry& entry : checkpoint.manifest.files)
    checkpoint.files.push_back({entry.name, std::make_shared<const std::string>(files.read(entry.name))});
  return checkpoint;
}

}  // namespace

struct ServedRollouts::State {
  State(const PpoFlags& flags, int64_t vocab_size, const std::vector<ModelFiles>& reward,
        LivePolicyRunner* local_runner)
      : store(static_cast<std::size_t>(flags.options.max_staleness) + 2),
        broker(broker_options(flags, vocab_size)),
        local(local_runner) {
    for (const ModelFiles& member : reward) {
      const CheckpointBytes checkpoint = bytes_of(member);
      reward_models.push_back(
          {kRewardModel + std::to_string(reward_models.size() + 1), checkpoint.manifest.model_hash});
      store.publish(reward_models.back().name, checkpoint);
    }
    server = std::make_unique<Server>(parse_listen_address(flags.listen), Services{&store, &broker, nullptr});
  }

  MemoryCheckpointStore store;
  RolloutBroker broker;
  LivePolicyRunner* local;
  std::vector<ServedRewardModel> reward_models;
  std::unique_ptr<Server> server;
};

ServedRollouts::ServedRollouts(const PpoFlags& flags, int64_t vocab_size,
                               const std::vector<ModelFiles>& reward_models, LivePolicyRunner* local)
    : state_(std::make_unique<State>(flags, vocab_size, reward_models, local)) {
  const std::string address = state_->server->address().text();
  std::cout << nlohmann::json{{"listening", address}}.dump() << std::endl;
  std::cerr << "Waiting for workers: rlhf rollout --learner grpc://" << address << "\n";
}

ServedRollouts::~ServedRollouts() = default;

PublishedPolicy ServedRollouts::publish(int64_t iteration, const LanguageModel& policy,
                                        const Tokenizer& tokenizer) {
  const CheckpointBytes checkpoint = language_model_bytes(policy, tokenizer);
  state_->store.publish_as(kPolicyModel, iteration + 1, checkpoint);
  return {iteration + 1, checkpoint.manifest.model_hash};
}

std::vector<Trajectory> ServedRollouts::collect(const std::vector<RolloutUnit>& units) {
  std::vector<RolloutUnit> named = units;
  for (RolloutUnit& unit : named) unit.reward_models = state_->reward_models;
  std::vector<Trajectory> trajectories = state_->broker.collect(named, state_->local);
  if (state_->local) state_->local->release();
  return trajectories;
}

void ServedRollouts::finish() {
  state_->broker.finish();
  for (const WorkerTally& worker : state_->broker.tallies()) {
    std::cerr << "worker " << worker.name << ": " << worker.units << " units, " << worker.trajectories
              << " trajectories";
    if (worker.lost_leases > 0)
      std::cerr << ", " << worker.lost_leases << (worker.lost_leases == 1 ? " lease lost" : " leases lost");
    std::cerr << '\n';
  }
  state_->server->stop();
}

}  // namespace rlhf
