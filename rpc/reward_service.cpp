#include <rlhf/v1/reward.grpc.pb.h>

#include "rpc/call.h"
#include "rpc/convert.h"
#include "rpc/error.h"
#include "rpc/services.h"

namespace rlhf {
namespace {

class RewardService : public v1::RewardService::Service {
 public:
  explicit RewardService(RewardBoard& board) : board_(board) {}

  grpc::Status Describe(grpc::ServerContext* context, const v1::DescribeRequest* request,
                        v1::DescribeReply* reply) override {
    return serve(*context, [&] {
      const RewardBoard::Model& model = board_.find(request->model());
      reply->set_model_hash(model.model_hash);
      reply->set_tokenizer_hash(model.tokenizer_hash);
    });
  }

  grpc::Status Score(grpc::ServerContext* context, const v1::ScoreRequest* request,
                     v1::ScoreReply* reply) override {
    return serve(*context, [&] {
      if (board_.find(request->model()).model_hash != request->model_hash())
        throw Refused("\"" + request->model() + "\" is another reward model than the one described before");
      to_wire(board_.score(request->model(), from_wire(*request)), *reply);
    });
  }

 private:
  RewardBoard& board_;
};

}  // namespace

std::unique_ptr<grpc::Service> make_reward_service(RewardBoard& board) {
  return std::make_unique<RewardService>(board);
}

}  // namespace rlhf
