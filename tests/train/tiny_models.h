#pragma once
#include <vector>

#include "model/heads.h"

namespace rlhf::test {

inline constexpr TokenId kVocabulary = 12;
inline constexpr TokenId kEos = 2;

/// A llama of one layer over 12 ids, with weights large enough that its distributions are far from flat.
/// Contexts of 32 tokens; id 2 ends a sequence.
ModelConfig tiny_config();

/// Trainable. The same seed gives the same bits.
LanguageModel tiny_language_model(torch::ScalarType dtype, uint64_t seed = 7);
ScalarModel tiny_scalar_model(torch::ScalarType dtype, uint64_t seed = 7);

/// Every weight, end to end, copied.
torch::Tensor weights_of(const std::vector<NamedTensor>& parameters);

}  // namespace rlhf::test
