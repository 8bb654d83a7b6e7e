#include "sft/dataset.h"

#include <algorithm>

#include <torch/utils.h>

#include "contract/error.h"
#include "text/parallel_map.h"

namespace rlhf {

std::vector<SupervisedSample> make_sft_samples(const std::vector<Demonstration>& demonstrations,
                                               const SequenceEncoder& encoder,
                                               const SftDatasetOptions& options, SftDatasetReport& report) {
  const int64_t longest = std::min(options.max_length, options.context);
  std::vector<SupervisedEncoding> encodings = parallel_map(
      demonstrations.size(), torch::get_num_threads(),
      [&](size_t i) { return encoder.demonstration(demonstrations[i], options.border_by_prompt_length); });
  std::vector<SupervisedSequence> sequences;
  for (SupervisedEncoding& encoding : encodings) {
    ++report.demonstrations;
    report.straddling += encoding.straddling;
    SupervisedSequence sequence{std::move(encoding.token_ids), std::move(encoding.supervised)};
    if (static_cast<int64_t>(sequence.token_ids.size()) > longest) {
      sequence.token_ids.resize(static_cast<size_t>(longest));
      sequence.supervised.resize(static_cast<size_t>(longest));
      ++report.truncated;
    }
    if (!sequence.supervised.empty()) sequence.supervised[0] = 0;
    const int64_t supervised = sequence.supervised_tokens();
    if (supervised == 0) {
      ++report.unsupervised;
      continue;
    }
    report.tokens += static_cast<int64_t>(sequence.token_ids.size());
    report.supervised_tokens += supervised;
    sequences.push_back(std::move(sequence));
  }
  if (sequences.empty())
    throw UserError(
        "none of the " + std::to_string(report.demonstrations) +
        " demonstrations has a supervised token: are completions empty, or cut away by --max_length " +
        std::to_string(options.max_length) + " or the model's context of " + std::to_string(options.context) +
        "?");
  if (options.packing) return pack_sequences(std::move(sequences), options.max_length);
  std::vector<SupervisedSample> samples;
  for (SupervisedSequence& sequence : sequences) samples.push_back({std::move(sequence)});
  return samples;
}

}  // namespace rlhf
