#include "cli/sampling_flags.h"

#include <CLI/CLI.hpp>

namespace rlhf {

void add_sampling_flags(CLI::App& command, SamplingOptions& o) {
  command.add_option("--max_new_tokens,--response_length", o.max_new_tokens, "tokens of a response at most")
      ->capture_default_str();
  command.add_option("--temperature", o.temperature, "0 is greedy")->capture_default_str();
  command.add_option("--top_k", o.top_k, "keep the k most likely tokens; 0 = off")->capture_default_str();
  command.add_option("--top_p", o.top_p, "keep the likeliest tokens of this mass; 1 = off")
      ->capture_default_str();
  command.add_option("--min_p", o.min_p, "drop tokens below this share of the likeliest; 0 = off")
      ->capture_default_str();
  command.add_option("--repetition_penalty", o.repetition_penalty, "1 = off")->capture_default_str();
}

}  // namespace rlhf
