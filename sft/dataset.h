#pragma once
#include <cstdint>
#include <string>
#include <vector>

#include "contract/demonstration.h"
#include "text/sequence_encoder.h"
#include "train/supervised_sequence.h"

namespace rlhf {

struct SftDatasetOptions {
  int64_t max_length = 1024;  ///< tokens; longer sequences lose their end
  int64_t context = 1 << 20;  ///< positions of the model: sequences lose what is beyond
  bool packing = false;  ///< several sequences a sample, up to max_length, each attending to itself alone
  bool border_by_prompt_length = false;  ///< TRL's rule for the first supervised token
};

/// What became of the demonstrations; shown before the first step and kept in the run record.
struct SftDatasetReport {
  int64_t demonstrations = 0;
  int64_t truncated = 0;     ///< lost their end to max_length or the context
  int64_t unsupervised = 0;  ///< left out: no supervised token was left
  int64_t straddling = 0;    ///< tokens across the border, supervised
  int64_t tokens = 0;
  int64_t supervised_tokens = 0;
};

/// Tokenises demonstrations into samples. UserError when no supervised token is left at all.
std::vector<SupervisedSample> make_sft_samples(const std::vector<Demonstration>& demonstrations,
                                               const SequenceEncoder& encoder,
                                               const SftDatasetOptions& options, SftDatasetReport& report);

}  // namespace rlhf
