#include "rpc/reward_client.h"

#include <algorithm>

#include <rlhf/v1/reward.grpc.pb.h>

#include "contract/error.h"
#include "rpc/call.h"
#include "rpc/convert.h"
#include "rpc/error.h"

namespace rlhf {
namespace {

/// Ends a request: enough for a scorer to batch well, far below the largest message (5 bytes an id at most).
constexpr std::size_t kInputsPerRequest = 1024;
constexpr std::size_t kIdsPerRequest = 4 << 20;

void check_input(const ScoreInput& input) {
  const auto negative = [](TokenId id) { return id < 0; };
  if (input.response_ids.empty()) throw UserError("an empty response cannot be scored");
  if (std::any_of(input.prompt_ids.begin(), input.prompt_ids.end(), negative) ||
      std::any_of(input.response_ids.begin(), input.response_ids.end(), negative))
    throw UserError("a token id to be scored is negative");
}

}  // namespace

class RewardClient::Impl {
 public:
  Impl(const ModelAddress& model, Deadlines deadlines)
      : server_(model.server.text()),
        name_(model.name),
        deadlines_(deadlines),
        stub_(v1::RewardService::NewStub(dial(model.server))) {
    if (model.version != 0)
      throw UserError(model.text() + ": a reward model that is served has no versions; leave out the @");
    grpc::ClientContext context;
    prepare(context, deadlines_.call);
    v1::DescribeRequest request;
    request.set_model(name_);
    v1::DescribeReply reply;
    throw_if_failed(stub_->Describe(&context, request, &reply), server_);
    model_hash_ = reply.model_hash();
    tokenizer_hash_ = reply.tokenizer_hash();
  }

  std::vector<Score> score(const std::vector<ScoreInput>& inputs) {
    std::vector<Score> scores;
    scores.reserve(inputs.size());
    v1::ScoreRequest request;
    std::size_t ids = 0;
    for (const ScoreInput& input : inputs) {
      check_input(input);
      const std::size_t more = input.prompt_ids.size() + input.response_ids.size();
      if (request.inputs_size() > 0 &&
          (ids + more > kIdsPerRequest ||
           static_cast<std::size_t>(request.inputs_size()) == kInputsPerRequest)) {
        ask(request, scores);
        ids = 0;
      }
      to_wire(input, *request.add_inputs());
      ids += more;
    }
    if (request.inputs_size() > 0) ask(request, scores);
    return scores;
  }

  const std::string& model_hash() const { return model_hash_; }
  const std::string& tokenizer_hash() const { return tokenizer_hash_; }

 private:
  /// Appends the scores of the inputs in `request` and empties it.
  void ask(v1::ScoreRequest& request, std::vector<Score>& scores) {
    request.set_model(name_);
    request.set_model_hash(model_hash_);
    grpc::ClientContext context;
    prepare(context, deadlines_.score);
    v1::ScoreReply reply;
    throw_if_failed(stub_->Score(&context, request, &reply), server_);
    try {
      const std::vector<Score> more = from_wire(reply, static_cast<std::size_t>(request.inputs_size()));
      scores.insert(scores.end(), more.begin(), more.end());
    } catch (const UserError& error) {  // the server's fault, not the user's
      throw WorldError("grpc://" + server_ + "/" + name_ + ": " + error.what());
    }
    request.Clear();
  }

  const std::string server_;
  const std::string name_;
  const Deadlines deadlines_;
  const std::unique_ptr<v1::RewardService::Stub> stub_;
  std::string model_hash_;
  std::string tokenizer_hash_;
};

RewardClient::RewardClient(const ModelAddress& model, Deadlines deadlines)
    : impl_(std::make_unique<Impl>(model, deadlines)) {}
RewardClient::~RewardClient() = default;

std::vector<Score> RewardClient::score(const std::vector<ScoreInput>& inputs) {
  return impl_->score(inputs);
}
const std::string& RewardClient::model_hash() const {
  return impl_->model_hash();
}
const std::string& RewardClient::tokenizer_hash() const {
  return impl_->tokenizer_hash();
}

}  // namespace rlhf
