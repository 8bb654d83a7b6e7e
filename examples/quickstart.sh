#!/usr/bin/env bash
# From raw text to a policy that human ratings shaped, in a few minutes on a laptop:
#   examples/quickstart.sh [--seed N] [--until STAGE]
#
# The task: continue the beginning of a film review so that people like it. 23,703 sentences that people rated from -4 to
# +4 (Hutto and Gilbert 2014) are fetched from PyPI. A tokenizer and a small model are trained on them from nothing and
# fine-tuned to continue reviews. Rankings of four sentences go into a ledger; a reward model learns them. A second one,
# gold, learns ratings of other sentences that training never sees, and that repeating oneself is worse. PPO then raises
# the score with a KL penalty, its rollouts made by two worker processes, and once more without the penalty, to show what
# that does. Stages hand models on through a server. What it leaves: runs/quickstart/curves.html, reward_card.html and
# summary.json.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
seed=0
threads=$(nproc)
[ "$threads" -le 2 ] || threads=2
while [ $# -gt 0 ]; do
  case $1 in
  --seed) seed=$2; shift 2 ;;
  --until) until=$2; shift 2 ;;  # gold_reward, say: the models without PPO
  *) echo "usage: examples/quickstart.sh [--seed N] [--until STAGE]" >&2; exit 2 ;;
  esac
done

cmake/setup.sh release >&2
rlhf=$PWD/build/release/bin/rlhf
run=runs/quickstart
[ "$seed" = 0 ] || run=runs/quickstart-seed$seed
mkdir -p "$run"
ledger=$run/ledger.db

. examples/film_reviews/stage.sh

stop_children() { [ -z "$(jobs -p)" ] || kill $(jobs -p) 2>/dev/null || true; }
trap stop_children EXIT

# --- data -------------------------------------------------------------------------------------------------------------
data=$run/data
sdist=build/vaderSentiment-3.3.2.tar.gz
fetch() {
  examples/fetch_from_pypi.sh vaderSentiment==3.3.2 5d7c06e027fc8b99238edb0d53d970cf97066ef97654009890b83703849632f9 "${sdist##*/}"
  python3 examples/film_reviews/prepare.py $sdist "$data" --seed "$seed"
  "$rlhf" data import --db "$ledger" "$data/demonstrations.jsonl" "$data/rankings.jsonl" >&2
}
once data fetch

# --- a server that hands models from stage to stage ----------------------------------------------------------------------
# Waits for the address that a server prints first, in the file that takes its output.
address_in() {
  while ! grep -q listening "$1" 2>/dev/null; do
    kill -0 "$2" 2>/dev/null || return 1
    sleep 0.1
  done
  sed -nE 's/.*"listening": *"([^"]*)".*/\1/p' "$1"
}
: >"$run/server.out"
"$rlhf" serve --listen 127.0.0.1:0 --store "$run/store" >"$run/server.out" &
server=grpc://$(address_in "$run/server.out" $!)

# Products this small gain nothing from bfloat16.
compute=(--dtype float32 --threads "$threads")

# --- tokenizer and a small language model from nothing ---------------------------------------------------------------------
make_tokenizer() {
  [ -e "$run/tokenizer" ] || "$rlhf" tokenizer train --files "$data/texts.jsonl" --vocab_size 8192 --bos_token "" \
    --output_dir "$run/tokenizer"
}
stage tokenizer make_tokenizer
stage pretrain "$rlhf" pretrain --model_config examples/film_reviews/model_config.json --tokenizer "$run/tokenizer" \
  --dataset "$data/texts.jsonl" --eval_dataset "$data/texts_valid.jsonl" --block_size 512 \
  --per_device_train_batch_size 1 --num_train_epochs 2 --learning_rate 2e-3 --lr_scheduler_type cosine --min_lr_rate 0.05 \
  --warmup_steps 50 --weight_decay 0.1 --adam_beta2 0.95 --logging_steps 50 --seed "$seed" "${compute[@]}" \
  --ledger "$ledger" --output_dir "$run/pretrain" --publish "$server/pretrain"

# --- supervised fine-tuning: continue a review -------------------------------------------------------------------------------
stage sft "$rlhf" sft --model "$server/pretrain" --db "$ledger" --split all --max_length 32 \
  --per_device_train_batch_size 32 --num_train_epochs 1 --learning_rate 3e-4 --lr_scheduler_type cosine --min_lr_rate 0.05 \
  --warmup_steps 10 --adam_beta2 0.95 --dropout 0.1 --embedding_dropout 0.1 --logging_steps 10 --seed "$seed" "${compute[@]}" \
  --output_dir "$run/sft" --publish "$server/sft"

# --- reward models from human rankings: one for PPO, one that training never sees ---------------------------------------------
reward=(--per_device_train_batch_size 8 --num_train_epochs 1 --learning_rate 1e-3 --embedding_learning_rate_scale 3
  --lr_scheduler_type cosine --min_lr_rate 0.05 --warmup_steps 30 --weight_decay 0.1 --adam_beta2 0.95 --head_scale 0.05
  --dropout 0.1 --embedding_dropout 0.3 --token_dropout 0.1 --response_length 24 --logging_steps 50 "${compute[@]}")
stage reward "$rlhf" reward --model "$server/sft" --policy "$server/sft" --db "$ledger" --split all --normalizer_prompts "$data/prompts.jsonl" \
  "${reward[@]}" --seed "$seed" --output_dir "$run/reward" --publish "$server/reward"
stage gold_reward "$rlhf" reward --model "$server/sft" --policy "$server/sft" --dataset "$data/gold_rankings.jsonl" \
  --normalizer_prompts "$data/prompts.jsonl" "${reward[@]}" --seed $((seed + 1000)) --output_dir "$run/gold_reward" --publish "$server/gold_reward"
held_out=(--input "$data/rankings_test.jsonl" --ceiling_dataset "$data/rankings_test_people.jsonl")
stage evaluate_reward "$rlhf" evaluate reward --model "$server/reward" "${held_out[@]}" --html "$run/reward_card.html" \
  --output "$run/reward.json"
"$rlhf" evaluate reward --model "$server/gold_reward" "${held_out[@]}" --output "$run/gold_reward.json" 2>"$run/gold_reward.txt" ||
  { cat "$run/gold_reward.txt" >&2; exit 1; }

# --- PPO ----------------------------------------------------------------------------------------------------------------
# Lambda: docs/parity.md has what others give.
ppo=(--model "$server/sft" --reward_model "$server/reward" --gold_reward_model "$server/gold_reward"
  --dataset "$data/prompts.jsonl" --eval_dataset "$data/prompts_test.jsonl" --ledger "$ledger"
  --rollout_batch_size 64 --response_length 24 --temperature 1 --max_steps 70 --num_ppo_epochs 4 --num_mini_batches 2
  --learning_rate 4e-4 --critic_learning_rate 5e-4 --warmup_steps 5 --lr_scheduler_type linear --min_lr_rate 0.2 --adam_beta2 0.95 --vf_coef 0.5 --lam 0.8
  --missing_eos_score -1 --min_response_length 8 --eval_prompts 512 --eval_steps 35 --save_steps 25 --logging_steps 1
  --per_device_train_batch_size 32 --seed "$seed" "${compute[@]}")
ppo_with_workers() {
  : >"$run/learner.out"
  "$rlhf" ppo "${ppo[@]}" --kl_coef 0.13 --kl_target 7 --kl_horizon 2000 --rollout_unit_size 16 --generation_threads 1 \
    --listen 127.0.0.1:0 --output_dir "$run/ppo" --publish "$server/ppo" >"$run/learner.out" &
  local learner=$! address
  if address=$(address_in "$run/learner.out" $learner); then
    "$rlhf" rollout --learner "grpc://$address" --name worker-1 &
    "$rlhf" rollout --learner "grpc://$address" --name worker-2 &
  fi
  wait $learner
}
stage ppo ppo_with_workers
stage ppo_beta0 "$rlhf" ppo "${ppo[@]}" --kl_coef 0 --output_dir "$run/ppo_beta0" --publish "$server/ppo_beta0"

# --- what came of it -----------------------------------------------------------------------------------------------------
python3 examples/film_reviews/summarise.py "$run"
"$rlhf" curves "$run/ppo" "$run/ppo_beta0" --html "$run/curves.html"
"$rlhf" curves "$run/ppo"
echo "Summary: $run/summary.json" >&2
echo "Curves:  $run/curves.html" >&2
echo "Report card of the reward model: $run/reward_card.html" >&2
echo "Where the policy comes from: $rlhf explain $run/ppo/final" >&2
