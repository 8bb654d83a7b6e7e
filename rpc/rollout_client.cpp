#include "rpc/rollout_client.h"

#include <mutex>

#include <rlhf/v1/rollout.grpc.pb.h>

#include "contract/error.h"
#include "rpc/call.h"
#include "rpc/convert.h"

namespace rlhf {
namespace {

constexpr std::size_t kLongestReason = 1000;

RolloutBroker::Verdict verdict(v1::SubmitReply::Outcome outcome) {
  switch (outcome) {
    case v1::SubmitReply::OUTCOME_ACCEPTED:
      return RolloutBroker::Verdict::kAccepted;
    case v1::SubmitReply::OUTCOME_ALREADY_HAVE_IT:
      return RolloutBroker::Verdict::kAlreadyHaveIt;
    case v1::SubmitReply::OUTCOME_STALE:
      return RolloutBroker::Verdict::kStale;
    default:
      throw WorldError("the learner answered a submission with nothing known");
  }
}

/// What the other side of a conversation between programs got wrong is no fault of the user.
template <typename Work>
auto as_world_error(const std::string& who, Work&& work) {
  try {
    return work();
  } catch (const UserError& error) {
    throw WorldError(who + error.what());
  }
}

}  // namespace

class RolloutClient::Impl {
 public:
  Impl(const Address& learner, Deadlines deadlines)
      : learner_(learner.text()),
        deadlines_(deadlines),
        channel_(dial(learner)),
        stub_(v1::RolloutService::NewStub(channel_)) {}

  RolloutBroker::Joined join(const std::string& worker_name, const std::string& instruction_set) {
    v1::JoinRequest request;
    request.set_worker_name(worker_name);
    request.set_instruction_set(instruction_set);
    v1::JoinReply reply;
    ask(&v1::RolloutService::Stub::Join, request, reply, deadlines_.call);
    const std::scoped_lock lock(mutex_);
    membership_ = {reply.session(), reply.worker_id()};
    return {membership_, std::chrono::milliseconds(reply.lease_ms()), reply.instruction_set_differs()};
  }

  RolloutBroker::LeaseAnswer lease(std::chrono::milliseconds wait) {
    auto request = signed_in<v1::LeaseRequest>();
    request.set_wait_ms(static_cast<uint32_t>(wait.count()));
    v1::LeaseReply reply;
    ask(&v1::RolloutService::Stub::Lease, request, reply, wait + deadlines_.call);
    RolloutBroker::LeaseAnswer answer;
    answer.finished = reply.has_finished();
    if (reply.has_lease())
      answer.lease = as_world_error("grpc://" + learner_ + " leased nonsense: ", [&] {
        return RolloutBroker::Lease{reply.lease().lease_id(), from_wire(reply.lease().unit())};
      });
    return answer;
  }

  RolloutBroker::RenewAnswer renew(uint64_t lease_id) {
    auto request = signed_in<v1::RenewRequest>();
    request.set_lease_id(lease_id);
    v1::RenewReply reply;
    ask(&v1::RolloutService::Stub::Renew, request, reply, deadlines_.call);
    return {reply.held(), reply.finished()};
  }

  RolloutBroker::Verdict submit(const RolloutBroker::Lease& lease, const std::vector<Trajectory>& samples) {
    auto request = signed_in<v1::SubmitRequest>();
    to_wire(lease.unit, lease.id, samples, request);
    v1::SubmitReply reply;
    as_world_error("the learner will not have the result: ",
                   [&] { ask(&v1::RolloutService::Stub::Submit, request, reply, deadlines_.call); });
    return verdict(reply.outcome());
  }

  void give_up(uint64_t lease_id, const std::string& reason) {
    auto request = signed_in<v1::GiveUpRequest>();
    request.set_lease_id(lease_id);
    request.set_reason(reason.substr(0, kLongestReason));
    v1::GiveUpReply reply;
    ask(&v1::RolloutService::Stub::GiveUp, request, reply, deadlines_.call);
  }

  void dial_again(std::chrono::milliseconds at_most) {
    channel_->WaitForConnected(std::chrono::system_clock::now() + at_most);
  }

 private:
  template <typename Request>
  Request signed_in() const {
    const std::scoped_lock lock(mutex_);
    Request request;
    request.set_session(membership_.session);
    request.set_worker_id(membership_.worker_id);
    return request;
  }

  template <typename Call, typename Request, typename Reply>
  void ask(Call call, const Request& request, Reply& reply, std::chrono::milliseconds deadline) {
    grpc::ClientContext context;
    prepare(context, deadline);
    throw_if_failed((stub_.get()->*call)(&context, request, &reply), learner_);
  }

  const std::string learner_;
  const Deadlines deadlines_;
  const std::shared_ptr<grpc::Channel> channel_;
  const std::unique_ptr<v1::RolloutService::Stub> stub_;
  mutable std::mutex mutex_;  // guards membership_
  RolloutBroker::Membership membership_;
};

RolloutClient::RolloutClient(const Address& learner, Deadlines deadlines)
    : impl_(std::make_unique<Impl>(learner, deadlines)) {}
RolloutClient::~RolloutClient() = default;

RolloutBroker::Joined RolloutClient::join(const std::string& worker_name,
                                          const std::string& instruction_set) {
  return impl_->join(worker_name, instruction_set);
}
RolloutBroker::LeaseAnswer RolloutClient::lease(std::chrono::milliseconds wait) {
  return impl_->lease(wait);
}
RolloutBroker::RenewAnswer RolloutClient::renew(uint64_t lease_id) {
  return impl_->renew(lease_id);
}
RolloutBroker::Verdict RolloutClient::submit(const RolloutBroker::Lease& lease,
                                             const std::vector<Trajectory>& samples) {
  return impl_->submit(lease, samples);
}
void RolloutClient::give_up(uint64_t lease_id, const std::string& reason) {
  impl_->give_up(lease_id, reason);
}
void RolloutClient::dial_again(std::chrono::milliseconds at_most) {
  impl_->dial_again(at_most);
}

}  // namespace rlhf
