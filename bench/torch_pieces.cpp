// The hot pieces on the torch side, each beside what LibTorch's plain operators, or a plain read of the file,
// take for the same, in the shapes of SmolLM2-135M. A line of JSON a piece on standard output:
//   torch_pieces NAME THREADS SCRATCH_FOLDER     pieces whose name contains NAME; "" is all
#include <cmath>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <vector>

#include <torch/autograd.h>
#include <torch/types.h>
#include <torch/utils.h>

#include "bench/best_time.h"
#include "model/attention.h"
#include "model/safetensors.h"
#include "model/token_batch.h"
#include "model/token_logprobs.h"
#include "rollout/sampling.h"
#include "train/optimizer_step.h"

namespace rlhf::bench {
namespace {

constexpr int64_t kHidden = 576, kInner = 1536, kHeads = 9, kKeyHeads = 3, kHeadDim = 64, kLayers = 30,
                  kVocabulary = 49152;

struct Piece {
  std::string name, shape, unit;
  double work;            // in the unit, of one repetition
  std::string beside_is;  // what the plain one is
};

void report(const Piece& piece, double seconds, double beside_seconds) {
  std::cout << "{\"piece\": \"" << piece.name << "\", \"shape\": \"" << piece.shape
            << "\", \"seconds\": " << seconds << ", \"unit\": \"" << piece.unit
            << "\", \"rate\": " << piece.work / seconds << ", \"beside\": " << piece.work / beside_seconds
            << ", \"beside_is\": \"" << piece.beside_is << "\"}" << std::endl;
}

const char* word(torch::ScalarType dtype) {
  return dtype == torch::kBFloat16 ? "bfloat16" : "float32";
}

torch::Tensor leaf(at::IntArrayRef shape, torch::ScalarType dtype = torch::kFloat32) {
  return torch::randn(shape).mul_(0.05).to(dtype).requires_grad_(true);
}

/// Forward and backward of causal attention, sequences of one length.
void attention(int64_t sequences, int64_t length, torch::ScalarType dtype) {
  const int64_t rows = sequences * length;
  const torch::Tensor q = leaf({rows, kHeads, kHeadDim}, dtype), k = leaf({rows, kKeyHeads, kHeadDim}, dtype),
                      v = leaf({rows, kKeyHeads, kHeadDim}, dtype),
                      gradient = torch::randn({rows, kHeads, kHeadDim}).to(dtype);
  std::vector<int64_t> offsets;
  for (int64_t s = 0; s <= sequences; ++s) offsets.push_back(s * length);
  const PackedLayout layout(offsets, torch::kCPU);
  const double scale = 1 / std::sqrt(static_cast<double>(kHeadDim));
  const auto run = [&](const torch::Tensor& out) { torch::autograd::grad({out}, {q, k, v}, {gradient}); };
  const auto one = [&](const torch::Tensor& x, int64_t s) {  // [1, heads, length, d]
    return x.narrow(0, s * length, length).transpose(0, 1).unsqueeze(0);
  };
  const double ours = best_seconds([&] { run(packed_attention(q, k, v, layout, scale)); });
  const double plain = best_seconds([&] {
    std::vector<torch::Tensor> outputs;
    for (int64_t s = 0; s < sequences; ++s)
      outputs.push_back(
          at::scaled_dot_product_attention(one(q, s), one(k, s), one(v, s), {}, 0.0, true, scale, true)
              .squeeze(0)
              .transpose(0, 1));
    run(torch::cat(outputs));
  });
  // Two products forward and five backward, over the half that the mask leaves.
  const double work = 7.0 * static_cast<double>(sequences * length * length * kHeads * kHeadDim) / 1e9;
  report({"attention", std::to_string(sequences) + " x " + std::to_string(length) + " " + word(dtype),
          "GFLOP/s", work, "scaled_dot_product_attention a sequence"},
         ours, plain);
}

/// Forward and backward of the language model's loss, from hidden states.
void loss_head(torch::ScalarType dtype) {
  constexpr int64_t kRows = 1024;
  const torch::Tensor hidden = leaf({kRows, kHidden}), weight = leaf({kVocabulary, kHidden}),
                      targets = torch::randint(kVocabulary, {kRows}, torch::kInt64);
  const double ours = best_seconds([&] {
    torch::autograd::grad({sum_of_logprobs(hidden, weight, targets, {.dtype = dtype}).sum}, {hidden, weight});
  });
  const double plain = best_seconds([&] {
    const torch::Tensor logits = at::linear(hidden.to(dtype), weight.to(dtype)).to(torch::kFloat32);
    const torch::Tensor picked = at::log_softmax(logits, -1).gather(1, targets.unsqueeze(1));
    torch::autograd::grad({picked.sum()}, {hidden, weight});
  });
  report({"loss head", std::to_string(kRows) + " x " + std::to_string(kVocabulary) + " " + word(dtype),
          "GFLOP/s", 6.0 * kRows * kHidden * kVocabulary / 1e9, "linear and log_softmax"},
         ours, plain);
}

void sampling(const std::string& rules, const SamplingOptions& options) {
  constexpr int64_t kRows = 64;
  const torch::InferenceMode inference;
  // Weights that fall with their rank by Zipf's law, in random order.
  std::vector<torch::Tensor> rows;
  for (int64_t i = 0; i < kRows; ++i)
    rows.push_back(torch::randperm(kVocabulary).add(1).to(torch::kFloat32).log().mul(-1.5));
  const torch::Tensor logits = torch::stack(rows);
  std::vector<DrawKey> keys;
  for (int64_t i = 0; i < kRows; ++i) keys.push_back({1, 0, i, 0, 0});
  const double ours = best_seconds([&] { sample_tokens(logits, options, keys, {}); });
  const double plain = best_seconds([&] {
    torch::Tensor probabilities = at::softmax(logits / options.temperature, -1);
    if (options.top_k > 0) {
      const auto [kept, ids] = probabilities.topk(options.top_k);
      ids.gather(1, at::multinomial(kept, 1));
    } else if (options.top_p < 1) {
      const auto [sorted, ids] = probabilities.sort(-1, true);
      const torch::Tensor kept = sorted.masked_fill(sorted.cumsum(-1) - sorted >= options.top_p, 0);
      ids.gather(1, at::multinomial(kept, 1));
    } else {
      at::multinomial(probabilities, 1);
    }
  });
  report({"sampling", std::to_string(kRows) + " x " + std::to_string(kVocabulary) + rules, "rows/s", kRows,
          "softmax, sort, multinomial"},
         ours, plain);
}

std::vector<NamedTensor> weights() {
  std::vector<NamedTensor> all = {{"embedding", leaf({kVocabulary, kHidden})}};
  for (int64_t layer = 0; layer < kLayers; ++layer) {
    const std::string name = "layer " + std::to_string(layer) + " ";
    all.push_back({name + "qkv", leaf({(kHeads + 2 * kKeyHeads) * kHeadDim, kHidden})});
    all.push_back({name + "out", leaf({kHidden, kHeads * kHeadDim})});
    all.push_back({name + "mlp in", leaf({2 * kInner, kHidden})});
    all.push_back({name + "mlp out", leaf({kHidden, kInner})});
  }
  return all;
}

double elements(const std::vector<NamedTensor>& tensors) {
  double sum = 0;
  for (const NamedTensor& one : tensors) sum += static_cast<double>(one.tensor.numel());
  return sum;
}

/// Our step also takes the gradients' norm and clips by it.
void optimizer() {
  const std::vector<NamedTensor> parameters = weights();
  std::vector<torch::Tensor> plain, gradients, first, second, steps;
  for (const NamedTensor& parameter : parameters) {
    plain.push_back(parameter.tensor.detach());
    gradients.push_back(torch::randn_like(plain.back()).mul_(1e-3));
  }
  const auto collective = Collective::single();
  double ours = 0;
  {
    OptimizerStep step(parameters, {}, *collective);
    ours = best_seconds([&] { step.step(1e-6); },
                        [&] {
                          for (size_t i = 0; i < gradients.size(); ++i)
                            parameters[i].tensor.mutable_grad() = gradients[i];
                        });
  }
  for (const torch::Tensor& parameter : plain) {
    first.push_back(torch::zeros_like(parameter));
    second.push_back(torch::zeros_like(parameter));
    steps.push_back(torch::ones({}));
  }
  const torch::NoGradGuard no_grad;
  const double fused = best_seconds([&] {
    at::_fused_adamw_(plain, gradients, first, second, {}, steps, 1e-6, 0.9, 0.999, 0.0, 1e-8, false, false);
  });
  constexpr double kBytesAnElement = 28;  // four arrays read, three written
  report(
      {"optimizer", "AdamW with clipping, " + std::to_string(std::lround(elements(parameters) / 1e6)) + " M",
       "GB/s", kBytesAnElement * elements(parameters) / 1e9, "_fused_adamw_ without clipping"},
      ours, fused);
}

/// Every tensor copied out of a file that the system has in memory.
void safetensors_load(const std::filesystem::path& folder) {
  const std::filesystem::path path = folder / "pieces.safetensors";
  const torch::InferenceMode inference;
  write_safetensors(path, weights());
  const auto size = static_cast<std::streamsize>(std::filesystem::file_size(path));
  const double ours = best_seconds([&] {
    const SafetensorsFile file = SafetensorsFile::open(path);
    for (const std::string& name : file.names()) file.tensor(name).clone();
  });
  const double plain = best_seconds([&] {
    torch::Tensor bytes = torch::empty({size}, torch::kUInt8);
    std::ifstream(path, std::ios::binary).read(static_cast<char*>(bytes.mutable_data_ptr()), size);
  });
  report({"safetensors load", std::to_string(size / 1000000) + " MB float32", "GB/s",
          static_cast<double>(size) / 1e9, "read into one buffer"},
         ours, plain);
  std::filesystem::remove(path);
}

void run(const std::string& wanted, const std::filesystem::path& scratch) {
  const auto is_wanted = [&](const char* name) {
    return std::string(name).find(wanted) != std::string::npos;
  };
  for (const torch::ScalarType dtype : {torch::kFloat32, torch::kBFloat16}) {
    if (is_wanted("attention")) {
      attention(8, 256, dtype);
      attention(1, 2048, dtype);
    }
    if (is_wanted("loss head")) loss_head(dtype);
  }
  if (is_wanted("sampling")) {
    sampling("", {});
    sampling(", top-k 50", {.top_k = 50});
    sampling(", top-p 0.9", {.top_p = 0.9});
  }
  if (is_wanted("optimizer")) optimizer();
  if (is_wanted("safetensors load")) safetensors_load(scratch);
}

}  // namespace
}  // namespace rlhf::bench

int main(int count, char** words) {
  if (count != 4) {
    std::cerr << "see the head of bench/torch_pieces.cpp\n";
    return 2;
  }
  torch::set_num_threads(std::atoi(words[2]));
  rlhf::bench::run(words[1], words[3]);
}
