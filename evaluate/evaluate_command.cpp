#include "evaluate/evaluate_command.h"

#include "evaluate/command.h"

namespace rlhf {

void add_evaluate_command(CLI::App& app) {
  CLI::App* evaluate = app.add_subcommand("evaluate", "measure models: perplexity, reward, win_rate");
  evaluate->require_subcommand(1);
  add_evaluate_perplexity_command(*evaluate);
  add_evaluate_reward_command(*evaluate);
  add_evaluate_win_rate_command(*evaluate);
}

}  // namespace rlhf
