#pragma once
#include <cmath>
#include <filesystem>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "model/model_folder.h"
#include "tests/support/catch.h"
#include "tests/support/temporary_folder.h"

namespace rlhf::test {

/// What transformers says of a fixture (tests/parity/make_model_fixtures.py).
struct Expected {
  std::vector<std::vector<TokenId>> token_ids;
  std::vector<std::vector<double>> logprobs;
  std::vector<double> scores;
};

inline ModelFiles model_fixture(const std::string& name) {
  return ModelFiles::in_folder(fixture("model/" + name));
}

inline Expected read_expected(const std::string& name) {
  const auto json = nlohmann::json::parse(read_file(fixture("model/" + name) / "expected.json"));
  Expected expected;
  expected.token_ids = json["token_ids"].get<std::vector<std::vector<TokenId>>>();
  if (json.contains("logprobs")) expected.logprobs = json["logprobs"].get<std::vector<std::vector<double>>>();
  if (json.contains("scores")) expected.scores = json["scores"].get<std::vector<double>>();
  return expected;
}

inline LanguageModel tiny_model(const std::string& name, torch::ScalarType dtype = torch::kFloat32) {
  return load_language_model(model_fixture(name), dtype, torch::kCPU, true);
}

/// Names of the fixtures that are language models or, with `classifiers`, the others.
inline std::vector<std::string> model_fixtures(bool classifiers) {
  std::vector<std::string> names;
  for (const auto& entry : std::filesystem::directory_iterator(fixture("model"))) {
    const std::string name = entry.path().filename().string();
    if (std::filesystem::exists(entry.path() / "expected.json") &&
        name.ends_with("_classifier") == classifiers) {
      names.push_back(name);
    }
  }
  return names;
}

inline double largest_gap(const torch::Tensor& a, const torch::Tensor& b) {
  REQUIRE(a.sizes() == b.sizes());
  return a.numel() == 0 ? 0.0 : (a.to(torch::kFloat64) - b.to(torch::kFloat64)).abs().max().item<double>();
}

inline bool same_bits(const torch::Tensor& a, const torch::Tensor& b) {
  return a.scalar_type() == b.scalar_type() && torch::equal(a, b);
}

/// Sequences of the given lengths, ids in [3, 61).
inline std::vector<std::vector<TokenId>> sequences_of(const std::vector<int>& lengths) {
  std::vector<std::vector<TokenId>> sequences;
  uint32_t state = 12345;
  for (const int length : lengths) {
    sequences.emplace_back();
    for (int t = 0; t < length; ++t) {
      state = state * 1664525u + 1013904223u;
      sequences.back().push_back(static_cast<TokenId>(3 + (state >> 16) % 58));
    }
  }
  return sequences;
}

}  // namespace rlhf::test
