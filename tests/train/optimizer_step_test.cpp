// The update against AdamW written out in scalar loops (Loshchilov and Hutter, arXiv 1711.05101, algorithm
// 2).
#include "train/optimizer_step.h"

#include <array>
#include <cmath>
#include <limits>
#include <memory>

#include <torch/utils.h>

#include "contract/error.h"
#include "tests/ppo/thread_collective.h"
#include "tests/support/catch.h"
#include "tests/train/tiny_models.h"

using namespace rlhf;
using namespace rlhf::test;

namespace {

const AdamWOptions kOptions{.beta1 = 0.8,
                            .beta2 = 0.95,
                            .epsilon = 1e-6,
                            .weight_decay = 0.1,
                            .max_grad_norm = 0.5,
                            .embedding_learning_rate_scale = 3};

/// A matrix, a norm and a token embedding, with the same weights each time.
std::vector<NamedTensor> parameters() {
  std::vector<NamedTensor> made;
  for (const auto& [name, shape] :
       std::vector<std::pair<std::string, std::vector<int64_t>>>{{"model.layers.0.mlp.weight", {2, 3}},
                                                                 {"model.norm.weight", {3}},
                                                                 {"model.embed_tokens.weight", {4, 2}}}) {
    int64_t count = 1;
    for (const int64_t size : shape) count *= size;
    const torch::Tensor values =
        torch::sin(torch::arange(count, torch::kFloat64) + static_cast<double>(name.size()));
    made.push_back({name, values.reshape(shape).clone().requires_grad_()});
  }
  return made;
}

/// The gradient of element `i` of parameter `p` at step `t`: well above the clipping norm, well below, just
/// above.
double gradient(size_t p, size_t i, int t) {
  constexpr std::array<double, 3> kSizes{1.0, 0.02, 0.18};
  return kSizes[static_cast<size_t>(t % 3)] *
         std::cos(1.7 * static_cast<double>(p) + 0.9 * static_cast<double>(i) + 2.3 * t);
}

void set_gradients(const std::vector<NamedTensor>& all, int t, double share = 1) {
  const torch::NoGradGuard no_grad;
  for (size_t p = 0; p < all.size(); ++p) {
    std::vector<double> values;
    for (int64_t i = 0; i < all[p].tensor.numel(); ++i)
      values.push_back(share * gradient(p, static_cast<size_t>(i), t));
    all[p].tensor.mutable_grad() = torch::tensor(values, torch::kFloat64).reshape(all[p].tensor.sizes());
  }
}

class ScalarAdamW {
 public:
  explicit ScalarAdamW(const std::vector<NamedTensor>& start) {
    for (const NamedTensor& parameter : start) {
      const torch::Tensor flat = parameter.tensor.detach().flatten();
      weights.emplace_back(flat.data_ptr<double>(), flat.data_ptr<double>() + flat.numel());
      decay_.push_back(parameter.tensor.dim() >= 2 ? kOptions.weight_decay : 0);
      scale_.push_back(parameter.name.find("embed") != std::string::npos ? 3 : 1);
      m_.emplace_back(weights.back().size());
      v_.emplace_back(weights.back().size());
    }
  }

  /// Returns the norm before clipping.
  double step(int t, double rate) {
    double squares = 0;
    for (size_t p = 0; p < weights.size(); ++p)
      for (size_t i = 0; i < weights[p].size(); ++i) squares += gradient(p, i, t) * gradient(p, i, t);
    const double norm = std::sqrt(squares);
    const double clip = std::min(1.0, kOptions.max_grad_norm / (norm + 1e-6));
    ++steps_;
    for (size_t p = 0; p < weights.size(); ++p) {
      for (size_t i = 0; i < weights[p].size(); ++i) {
        const double g = clip * gradient(p, i, t), lr = rate * scale_[p];
        double &m = m_[p][i], &v = v_[p][i], &w = weights[p][i];
        m = kOptions.beta1 * m + (1 - kOptions.beta1) * g;
        v = kOptions.beta2 * v + (1 - kOptions.beta2) * g * g;
        const double m_hat = m / (1 - std::pow(kOptions.beta1, steps_));
        const double v_hat = v / (1 - std::pow(kOptions.beta2, steps_));
        w -= lr * decay_[p] * w + lr * m_hat / (std::sqrt(v_hat) + kOptions.epsilon);
      }
    }
    return norm;
  }

  std::vector<std::vector<double>> weights;

 private:
  std::vector<std::vector<double>> m_, v_;
  std::vector<double> decay_, scale_;
  double steps_ = 0;
};

double largest_gap(const std::vector<NamedTensor>& found, const std::vector<std::vector<double>>& expected) {
  double gap = 0;
  for (size_t p = 0; p < found.size(); ++p) {
    const torch::Tensor flat = found[p].tensor.detach().flatten();
    for (size_t i = 0; i < expected[p].size(); ++i)
      gap = std::max(gap, std::abs(flat[static_cast<int64_t>(i)].item<double>() - expected[p][i]));
  }
  return gap;
}

SafetensorsFile saved(const OptimizerStep& optimizer) {
  return SafetensorsFile::from_bytes(
      std::make_shared<const std::string>(safetensors_bytes(optimizer.state())), "state");
}

/// The state without the counters of refused steps, as bytes.
std::string moments_of(const OptimizerStep& optimizer) {
  std::vector<NamedTensor> state = optimizer.state();
  state.pop_back();
  return safetensors_bytes(state);
}

std::vector<NamedTensor> copies_of(const std::vector<NamedTensor>& all) {
  std::vector<NamedTensor> copies;
  for (const NamedTensor& parameter : all)
    copies.push_back({parameter.name, parameter.tensor.detach().clone().requires_grad_()});
  return copies;
}

double rate_at(int t) {
  return 0.01 * (1 + t);
}

}  // namespace

TEST_CASE("decay, embedding rate, clipping and moments are those of AdamW in scalar loops") {
  const auto single = Collective::single();
  const auto weights = parameters();
  ScalarAdamW expected(weights);
  OptimizerStep optimizer(weights, kOptions, *single);
  for (int t = 0; t < 8; ++t) {
    set_gradients(weights, t);
    const OptimizerStep::Result result = optimizer.step(rate_at(t));
    CHECK(result.applied);
    CHECK(result.grad_norm == Approx(expected.step(t, rate_at(t))).epsilon(1e-12));
    CHECK(largest_gap(weights, expected.weights) < 1e-12);
  }
}

TEST_CASE("gradients are cleared by a step, and a missing one counts as zero") {
  const auto single = Collective::single();
  const auto weights = parameters();
  OptimizerStep optimizer(weights, {.max_grad_norm = 0}, *single);
  set_gradients(weights, 0);
  optimizer.step(0.1);
  for (const NamedTensor& parameter : weights) CHECK_FALSE(parameter.tensor.grad().defined());

  const auto fresh = parameters();
  OptimizerStep lacking(fresh, {}, *single);
  fresh[0].tensor.mutable_grad() = torch::ones({2, 3}, torch::kFloat64);
  CHECK(lacking.step(0.1).grad_norm == Approx(std::sqrt(6.0)));
  CHECK(torch::equal(fresh[1].tensor, parameters()[1].tensor));
}

TEST_CASE("a model's own embedding has its own rate, its matrices decay and its norms do not") {
  const auto single = Collective::single();
  LanguageModel model = tiny_language_model(torch::kFloat64);
  const auto before = copies_of(model.parameters());
  OptimizerStep optimizer(model.parameters(),
                          {.weight_decay = 0.5, .max_grad_norm = 0, .embedding_learning_rate_scale = 0},
                          *single);
  optimizer.step(0.1);  // without a gradient only the decay moves weights
  const auto after = model.parameters();
  for (size_t i = 0; i < after.size(); ++i) {
    INFO(after[i].name);
    const bool stays = after[i].tensor.dim() < 2 || after[i].name == "model.embed_tokens.weight";
    const torch::Tensor expected = stays ? before[i].tensor : before[i].tensor * (1 - 0.1 * 0.5);
    CHECK((after[i].tensor - expected).abs().max().item<double>() < 1e-15);
  }
  CHECK(after.front().name == "model.embed_tokens.weight");
}

TEST_CASE("an optimizer restored from its state goes on with the same bits") {
  const auto single = Collective::single();
  const auto weights = parameters();
  OptimizerStep optimizer(weights, kOptions, *single, "policy.");
  for (int t = 0; t < 3; ++t) {
    set_gradients(weights, t);
    optimizer.step(rate_at(t));
  }
  const auto resumed_weights = copies_of(weights);
  OptimizerStep resumed(resumed_weights, kOptions, *single, "policy.");
  resumed.load_state(saved(optimizer));
  for (int t = 3; t < 6; ++t) {
    set_gradients(weights, t);
    set_gradients(resumed_weights, t);
    optimizer.step(rate_at(t));
    resumed.step(rate_at(t));
    for (size_t p = 0; p < weights.size(); ++p)
      CHECK(torch::equal(weights[p].tensor, resumed_weights[p].tensor));
  }
}

TEST_CASE("a state of another model, or of another prefix, is refused") {
  const auto single = Collective::single();
  OptimizerStep optimizer(parameters(), kOptions, *single, "policy.");
  const SafetensorsFile file = saved(optimizer);
  OptimizerStep critic(parameters(), kOptions, *single, "critic.");
  CHECK_THROWS_AS(critic.load_state(file), UserError);
  auto other = parameters();
  other[1].tensor = torch::zeros({4}, torch::kFloat64).requires_grad_();
  OptimizerStep another(other, kOptions, *single, "policy.");
  CHECK_THROWS_WITH(another.load_state(file), test::contains("model.norm.weight.exp_avg"));
}

TEST_CASE("a gradient that is not finite changes nothing, is counted, and the fifth in a row ends the run") {
  const auto single = Collective::single();
  const auto weights = parameters();
  OptimizerStep optimizer(weights, kOptions, *single);
  const auto spoiled_step = [&](double value) {
    set_gradients(weights, 0);
    weights[0].tensor.mutable_grad()[1][2] = value;
    return optimizer.step(0.1);
  };
  set_gradients(weights, 0);
  optimizer.step(0.1);
  const auto before = copies_of(weights);
  const std::string state_before = moments_of(optimizer);

  CHECK_FALSE(spoiled_step(std::numeric_limits<double>::infinity()).applied);
  CHECK_FALSE(spoiled_step(std::nan("")).applied);
  CHECK(optimizer.non_finite_running() == 2);
  for (size_t p = 0; p < weights.size(); ++p) {
    CHECK(torch::equal(weights[p].tensor, before[p].tensor));
    CHECK_FALSE(weights[p].tensor.grad().defined());
  }
  CHECK(moments_of(optimizer) == state_before);

  set_gradients(weights, 1);
  CHECK(optimizer.step(0.1).applied);
  CHECK(optimizer.non_finite_running() == 0);
  CHECK(optimizer.non_finite_total() == 2);

  for (int i = 0; i < 4; ++i) CHECK_FALSE(spoiled_step(std::nan("")).applied);
  OptimizerStep resumed(copies_of(weights), kOptions, *single);
  resumed.load_state(saved(optimizer));
  CHECK(resumed.non_finite_running() == 4);
  CHECK(resumed.non_finite_total() == 6);
  CHECK_THROWS_AS(spoiled_step(std::nan("")), WorldError);
}

TEST_CASE("processes that hold parts of the gradient make the update of the whole") {
  const auto single = Collective::single();
  const auto whole = parameters();
  OptimizerStep optimizer(whole, kOptions, *single);
  for (int t = 0; t < 3; ++t) {
    set_gradients(whole, t);
    optimizer.step(rate_at(t));
  }
  std::vector<std::vector<NamedTensor>> parts{parameters(), parameters()};
  run_processes(2, [&](Collective& collective) {
    const auto& mine = parts[static_cast<size_t>(collective.rank())];
    OptimizerStep part(mine, kOptions, collective);
    for (int t = 0; t < 3; ++t) {
      set_gradients(mine, t, collective.rank() == 0 ? 0.25 : 0.75);
      part.step(rate_at(t));
    }
  });
  for (size_t p = 0; p < whole.size(); ++p) {
    CHECK((parts[0][p].tensor - whole[p].tensor).abs().max().item<double>() < 1e-14);
    CHECK(torch::equal(parts[0][p].tensor, parts[1][p].tensor));
  }
}
