#include <algorithm>

#include <rlhf/v1/rollout.grpc.pb.h>

#include "contract/error.h"
#include "rpc/call.h"
#include "rpc/convert.h"
#include "rpc/services.h"

namespace rlhf {
namespace {

constexpr std::chrono::milliseconds kLongestWait{30'000};

template <typename Request>
RolloutBroker::Membership membership(const Request& request) {
  return {request.session(), request.worker_id()};
}

v1::SubmitReply::Outcome outcome(RolloutBroker::Verdict verdict) {
  switch (verdict) {
    case RolloutBroker::Verdict::kAccepted:
      return v1::SubmitReply::OUTCOME_ACCEPTED;
    case RolloutBroker::Verdict::kAlreadyHaveIt:
      return v1::SubmitReply::OUTCOME_ALREADY_HAVE_IT;
    case RolloutBroker::Verdict::kStale:
      return v1::SubmitReply::OUTCOME_STALE;
  }
  return v1::SubmitReply::OUTCOME_UNSPECIFIED;
}

class RolloutService : public v1::RolloutService::Service {
 public:
  explicit RolloutService(RolloutBroker& broker) : broker_(broker) {}

  grpc::Status Join(grpc::ServerContext* context, const v1::JoinRequest* request,
                    v1::JoinReply* reply) override {
    return serve(*context, [&] {
      const RolloutBroker::Joined joined = broker_.join(request->worker_name(), request->instruction_set());
      reply->set_session(joined.membership.session);
      reply->set_worker_id(joined.membership.worker_id);
      reply->set_lease_ms(static_cast<uint32_t>(joined.lease.count()));
      reply->set_instruction_set_differs(joined.instruction_set_differs);
    });
  }

  grpc::Status Lease(grpc::ServerContext* context, const v1::LeaseRequest* request,
                     v1::LeaseReply* reply) override {
    return serve(*context, [&] {
      const auto wait = std::min(std::chrono::milliseconds(request->wait_ms()), kLongestWait);
      const auto answer = broker_.lease(membership(*request), wait, [&] { return context->IsCancelled(); });
      if (answer.finished) {
        reply->mutable_finished();
      } else if (answer.lease) {
        reply->mutable_lease()->set_lease_id(answer.lease->id);
        to_wire(answer.lease->unit, *reply->mutable_lease()->mutable_unit());
      } else {
        reply->mutable_nothing();
      }
    });
  }

  grpc::Status Renew(grpc::ServerContext* context, const v1::RenewRequest* request,
                     v1::RenewReply* reply) override {
    return serve(*context, [&] {
      const RolloutBroker::RenewAnswer answer = broker_.renew(membership(*request), request->lease_id());
      reply->set_held(answer.held);
      reply->set_finished(answer.finished);
    });
  }

  grpc::Status Submit(grpc::ServerContext* context, const v1::SubmitRequest* request,
                      v1::SubmitReply* reply) override {
    return serve(*context, [&] {
      RolloutBroker::Submission submission;
      try {
        submission = from_wire(*request);
      } catch (const UserError& error) {
        broker_.give_up(membership(*request), request->lease_id(), error.what());
        throw;
      }
      reply->set_outcome(outcome(broker_.submit(membership(*request), std::move(submission))));
    });
  }

  grpc::Status GiveUp(grpc::ServerContext* context, const v1::GiveUpRequest* request,
                      v1::GiveUpReply*) override {
    return serve(*context,
                 [&] { broker_.give_up(membership(*request), request->lease_id(), request->reason()); });
  }

 private:
  RolloutBroker& broker_;
};

}  // namespace

std::unique_ptr<grpc::Service> make_rollout_service(RolloutBroker& broker) {
  return std::make_unique<RolloutService>(broker);
}

}  // namespace rlhf
