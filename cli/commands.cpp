#include "cli/commands.h"

#include <CLI/CLI.hpp>

#include "annotate/command.h"
#include "curves/command.h"
#include "data/command.h"
#include "data/explain_command.h"
#include "evaluate/command.h"
#include "model/command.h"
#include "ppo/command.h"
#include "pretrain/command.h"
#include "reward_model/command.h"
#include "rollout/generate_command.h"
#include "rollout/rollout_command.h"
#include "rollout/sample_command.h"
#include "rpc/command.h"
#include "select/command.h"
#include "sft/command.h"
#include "text/command.h"

namespace rlhf {

void add_commands(CLI::App& app) {
  add_import_command(app);
  add_export_command(app);
  add_tokenizer_command(app);
  add_pretrain_command(app);
  add_sft_command(app);
  add_reward_command(app);
  add_ppo_command(app);
  add_rollout_command(app);
  add_serve_command(app);
  add_generate_command(app);
  add_logprobs_command(app);
  add_score_command(app);
  add_evaluate_command(app);
  CLI::App& data = add_data_command(app);
  add_sample_command(data);
  add_select_command(data);
  add_trace_command(data);
  add_explain_command(app);
  add_annotate_command(app);
  add_curves_command(app);
}

}  // namespace rlhf
