#include <atomic>
#include <limits>

#include "contract/sha256.h"
#include "rpc/error.h"
#include "rpc/reward_client.h"
#include "rpc/server.h"
#include "tests/support/catch.h"

namespace rlhf {
namespace {

/// A score that depends on its input alone.
class FakeScorer : public RewardScorer {
 public:
  std::vector<Score> score(const std::vector<ScoreInput>& inputs) override {
    largest_request = std::max(largest_request.load(), inputs.size());
    std::vector<Score> scores;
    for (const ScoreInput& input : inputs) {
      double sum = 0;
      for (const TokenId id : input.prompt_ids) sum += id;
      for (const TokenId id : input.response_ids) sum -= 0.1 * id;
      scores.push_back({sum, sum / 3, 0.25});
    }
    return scores;
  }
  std::atomic<std::size_t> largest_request = 0;
};

class BrokenScorer : public RewardScorer {
 public:
  explicit BrokenScorer(bool nan) : nan_(nan) {}
  std::vector<Score> score(const std::vector<ScoreInput>& inputs) override {
    if (!nan_) return std::vector<Score>(inputs.size() + 1);
    return std::vector<Score>(inputs.size(), Score{std::numeric_limits<double>::quiet_NaN(), 0, 0});
  }

 private:
  bool nan_;
};

struct Bench {
  Bench() {
    board.add("rm", {scorer, sha256_hex("rm"), sha256_hex("tokenizer")});
    board.add("broken", {std::make_shared<BrokenScorer>(false), sha256_hex("b"), ""});
    board.add("nan", {std::make_shared<BrokenScorer>(true), sha256_hex("n"), ""});
    server =
        std::make_unique<Server>(parse_listen_address("127.0.0.1:0"), Services{nullptr, nullptr, &board});
  }
  ModelAddress at(const std::string& name) const { return {server->address(), name, 0}; }

  std::shared_ptr<FakeScorer> scorer = std::make_shared<FakeScorer>();
  RewardBoard board;
  std::unique_ptr<Server> server;
};

}  // namespace

TEST_CASE("Scores over the wire are those of the scorer, in order, however many requests it takes") {
  Bench bench;
  RewardClient client(bench.at("rm"));
  CHECK(client.model_hash() == sha256_hex("rm"));
  CHECK(client.tokenizer_hash() == sha256_hex("tokenizer"));
  std::vector<ScoreInput> inputs;
  for (int i = 0; i < 2500; ++i) inputs.push_back({{i, 2 * i}, {i % 7}});
  const std::vector<Score> here = FakeScorer().score(inputs), there = client.score(inputs);
  REQUIRE(there.size() == here.size());
  bool same = true;
  for (std::size_t i = 0; i < here.size(); ++i)
    same = same && here[i].raw == there[i].raw && here[i].mean == there[i].mean &&
           here[i].spread == there[i].spread;
  CHECK(same);
  CHECK(bench.scorer->largest_request <= 1024);
  CHECK(client.score({}).empty());
}

TEST_CASE("A reward model that is not there is the user's error and the message tells what is") {
  Bench bench;
  CHECK_THROWS_WITH(RewardClient(bench.at("mr")), test::contains("there is broken, nan, rm"));
  ModelAddress versioned = bench.at("rm");
  versioned.version = 2;
  CHECK_THROWS_AS(RewardClient(versioned), UserError);
}

TEST_CASE("A server without reward models says that it does not offer them") {
  Server server(parse_listen_address("127.0.0.1:0"), Services{});
  CHECK_THROWS_WITH(RewardClient({server.address(), "rm", 0}), test::contains("does not offer"));
}

TEST_CASE("Inputs that cannot be scored are the user's error") {
  Bench bench;
  RewardClient client(bench.at("rm"));
  CHECK_THROWS_AS(client.score({{{1, 2}, {}}}), UserError);
  CHECK_THROWS_AS(client.score({{{1, -2}, {3}}}), UserError);
}

TEST_CASE("A scorer that answers nonsense is a WorldError") {
  Bench bench;
  CHECK_THROWS_AS(RewardClient(bench.at("broken")).score({{{1}, {2}}}), WorldError);
  CHECK_THROWS_WITH(RewardClient(bench.at("nan")).score({{{1}, {2}}}), test::contains("not finite"));
}

TEST_CASE("A model exchanged since it was looked up is refused") {
  Bench bench;
  const Address address = bench.server->address();
  RewardClient client(bench.at("rm"));
  bench.server.reset();
  RewardBoard other;
  other.add("rm", {bench.scorer, sha256_hex("another rm"), ""});
  Server again(address, Services{nullptr, nullptr, &other});
  CHECK_THROWS_WITH(
      [&] {
        for (int attempt = 0; attempt < 100; ++attempt) try {  // until the client has dialled again
            client.score({{{1}, {2}}});
            break;
          } catch (const Unreachable&) {
          }
      }(),
      test::contains("another reward model"));
}

TEST_CASE("A board refuses bad and double names") {
  RewardBoard board;
  const RewardBoard::Model model{std::make_shared<FakeScorer>(), "", ""};
  board.add("a", model);
  CHECK_THROWS_AS(board.add("a", model), UserError);
  CHECK_THROWS_AS(board.add("a/b", model), UserError);
}

}  // namespace rlhf
