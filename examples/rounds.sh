#!/usr/bin/env bash
# Three rounds of feedback, and whether it pays to choose what people rank:
#   examples/rounds.sh [--seeds "0 1 2"] [--threads N] [--run DIR]
#
# The task is the quickstart's: continue the beginning of a film review so that people like it. A round: the policy answers
# prompts it was not asked before; some of them become tasks; simulated raters, ten people's ratings of words, rank the
# answers, one rater a task; three reward models that differ by their seed learn all rankings so far; PPO raises their mean
# score, less half their spread, from the SFT model again. Two arms have equal numbers of labels: one chooses what the
# three reward models disagree about, the other draws at random. There is nothing to disagree before the first labels, so
# round 1 is random and the same for both.
#
# The SFT model, and the gold reward model that judges at the end, are the quickstart's; they are trained when
# runs/quickstart does not have them. What it leaves: DIR/summary.json and a run folder for every model. Called again it goes
# on where it stopped.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
seeds="0 1 2" root=runs/rounds base=runs/quickstart
threads=$(nproc)
[ "$threads" -le 2 ] || threads=2
while [ $# -gt 0 ]; do
  case $1 in
  --seeds) seeds=$2 ;;
  --threads) threads=$2 ;;
  --run) root=$2 ;;
  *) sed -n '2,3p' "$0" | cut -c3- >&2; exit 2 ;;
  esac
  shift 2
done

cmake/setup.sh release >&2
rlhf=$PWD/build/release/bin/rlhf
[ -e $base/gold_reward/final ] || examples/quickstart.sh --until gold_reward
data=$base/data sft=$base/sft/final
mkdir -p "$root"
lexicon=$root/vader_lexicon.txt
[ -e "$lexicon" ] || tar -xzOf build/vaderSentiment-3.3.2.tar.gz vaderSentiment-3.3.2/vaderSentiment/vader_lexicon.txt >"$lexicon"
. examples/film_reviews/stage.sh

pool=640 labels=240 # prompts answered in a round, and how many of them are ranked
compute=(--dtype float32 --threads "$threads")
sampling=(--samples_per_prompt 4 --max_new_tokens 24 --temperature 1 "${compute[@]}")

# The prompts of a round: each has its own, the same for both arms.
pool_of() {
  local all first
  all=$(wc -l <"$data/prompts.jsonl")
  first=$(((seed * 3 + $1 - 1) * pool % (all - pool)))
  sed -n "$((first + 1)),$((first + pool))p" "$data/prompts.jsonl" >"$run/pool-$1.jsonl"
}
# gather FOLDER ROUND POLICY STRATEGY [--reward_model MODELS]: answers, tasks, rankings.
gather() {
  local folder=$1 round=$2 policy=$3 strategy=$4 hash
  shift 4
  local ledger=(--db "$folder/ledger.db") campaign=(--campaign "round $round" --k 4)
  "$rlhf" data sample "${ledger[@]}" --model "$policy" --dataset "$run/pool-$round.jsonl" "${sampling[@]}" --seed "$seed" >"$folder/sampled-$round.json"
  hash=$(sed -nE 's/.*"model_hash":"([0-9a-f]+)".*/\1/p' "$folder/sampled-$round.json")
  "$rlhf" data select "${ledger[@]}" "${campaign[@]}" --model "$hash" --strategy "$strategy" --count $labels --seed "$seed" "$@" "${compute[@]}" >"$folder/selected-$round.json"
  "$rlhf" annotate "${ledger[@]}" "${campaign[@]}" --simulate "$lexicon" >&2
}
members_of() { echo "$1-1/final,$1-2/final,$1-3/final"; }
# learn FOLDER ROUND: three reward models from all labels of the folder's ledger.
learn() {
  local member
  for member in 1 2 3; do
    "$rlhf" reward --model "$sft" --policy "$sft" --db "$1/ledger.db" --split all --normalizer_prompts "$data/prompts.jsonl" \
      --per_device_train_batch_size 8 --num_train_epochs 4 --learning_rate 1e-3 --embedding_learning_rate_scale 3 \
      --lr_scheduler_type cosine --min_lr_rate 0.05 --warmup_steps 10 --weight_decay 0.1 --adam_beta2 0.95 --head_scale 0.05 \
      --dropout 0.1 --embedding_dropout 0.3 --token_dropout 0.1 --response_length 24 --logging_steps 10 \
      --seed $((seed * 10 + member)) "${compute[@]}" --output_dir "$1/round-$2/reward-$member"
  done
  "$rlhf" evaluate reward --model "$(members_of "$1/round-$2/reward")" --input "$data/rankings_test.jsonl" >"$1/round-$2/people.json"
  "$rlhf" evaluate reward --model "$(members_of "$1/round-$2/reward")" --db "$root/held_out.db" --split all >"$1/round-$2/raters.json"
}
# improve FOLDER ROUND: PPO against them.
improve() {
  "$rlhf" ppo --model "$sft" --reward_model "$(members_of "$1/round-$2/reward")" --reward_spread_penalty 0.5 \
    --gold_reward_model $base/gold_reward/final --dataset "$data/prompts.jsonl" --eval_dataset "$data/prompts_test.jsonl" \
    --ledger "$1/ledger.db" --no_trajectories --rollout_batch_size 64 --response_length 24 --temperature 1 --max_steps 24 \
    --num_ppo_epochs 4 --num_mini_batches 2 --learning_rate 4e-4 --critic_learning_rate 5e-4 --warmup_steps 5 \
    --lr_scheduler_type linear --min_lr_rate 0.2 --adam_beta2 0.95 --vf_coef 0.5 --kl_coef 0.13 --kl_target 7 --kl_horizon 2000 \
    --missing_eos_score -1 --min_response_length 8 --eval_prompts 512 --eval_steps 24 --save_steps 24 --logging_steps 1 \
    --per_device_train_batch_size 32 --generation_threads "$threads" --seed "$seed" "${compute[@]}" --output_dir "$1/round-$2/ppo"
}
# Rankings of what the SFT model says to prompts of nobody's training, by three raters each: what the raters like.
hold_out() {
  "$rlhf" data sample --db "$root/held_out.db" --model "$sft" --dataset "$data/prompts_test.jsonl" --limit 200 "${sampling[@]}" --seed 1000 >&2
  "$rlhf" annotate --db "$root/held_out.db" --campaign "held out" --k 4 --overlap 3 --simulate "$lexicon" >&2
}

run=$root
once hold_out hold_out
for seed in $seeds; do
  run=$root/seed-$seed
  mkdir -p "$run"
  for round in 1 2 3; do pool_of $round; done
  once gather-1 gather "$run" 1 "$sft" random
  # Each arm goes on with a ledger of its own, from here.
  for arm in disagreement random; do
    mkdir -p "$run/$arm"
    [ -e "$run/$arm/ledger.db" ] || "$rlhf" data backup --db "$run/ledger.db" "$run/$arm/ledger.db" >&2
  done
  once learn-1 learn "$run" 1
  once improve-1 improve "$run" 1
  for arm in disagreement random; do
    before=$run/round-1
    for round in 2 3; do
      models=()
      [ $arm = random ] || models=(--reward_model "$(members_of "$before/reward")")
      once gather-$arm-$round gather "$run/$arm" $round "$before/ppo/final" $arm "${models[@]}"
      once learn-$arm-$round learn "$run/$arm" $round
      once improve-$arm-$round improve "$run/$arm" $round
      before=$run/$arm/round-$round
    done
  done
done
python3 examples/film_reviews/summarise_rounds.py "$root"
echo "Summary: $root/summary.json" >&2
