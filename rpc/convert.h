#pragma once
// Internal to rpc/: the only file that names both wire messages and contract types. Every from_wire() treats
// what it reads as foreign: it throws UserError for what no honest peer sends.
#include <vector>

#include <rlhf/v1/checkpoint.pb.h>
#include <rlhf/v1/reward.pb.h>
#include <rlhf/v1/rollout.pb.h>

#include "contract/checkpoint.h"
#include "contract/sources.h"
#include "rpc/protocol.h"
#include "rpc/rollout_broker.h"

namespace rlhf {

void to_wire(const CheckpointManifest& manifest, v1::Manifest& wire);
/// Checks names, hashes, order, sizes against `limits`, and that the model hash follows from the files.
CheckpointManifest from_wire(const v1::Manifest& wire, const TransferLimits& limits);

void to_wire(const std::vector<std::size_t>& wanted, v1::Wanted& wire);
/// `files`: how many the manifest has.
std::vector<std::size_t> from_wire(const v1::Wanted& wire, std::size_t files);

void to_wire(const RolloutUnit& unit, v1::RolloutUnit& wire);
RolloutUnit from_wire(const v1::RolloutUnit& wire);  // passed check_unit()

/// Moves what the learner does not know itself.
void to_wire(const RolloutUnit& unit, uint64_t lease_id, const std::vector<Trajectory>& samples,
             v1::SubmitRequest& wire);
RolloutBroker::Submission from_wire(const v1::SubmitRequest& wire);  // the broker checks it against the unit

void to_wire(const ScoreInput& input, v1::ScoreInput& wire);
std::vector<ScoreInput> from_wire(const v1::ScoreRequest& wire);

void to_wire(const std::vector<Score>& scores, v1::ScoreReply& wire);
/// `expected`: how many inputs were sent.
std::vector<Score> from_wire(const v1::ScoreReply& wire, std::size_t expected);

}  // namespace rlhf
