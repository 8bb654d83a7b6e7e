#include "cli/training_flags.h"

#include <limits>

#include <CLI/CLI.hpp>

#include "cli/dataset_flags.h"
#include "contract/error.h"
#include "tests/support/catch.h"
#include "tests/support/temporary_folder.h"

using namespace rlhf;

TEST_CASE("flags of the trainers reach their options") {
  CLI::App app;
  TrainingOptions options;
  add_training_flags(app, options);
  app.parse("--learning_rate 1e-3 --max_steps 7 --warmup_ratio 0.1 --lr_scheduler_type cosine --seed 9");
  CHECK(options.learning_rate == 1e-3);
  CHECK(options.max_steps == 7);
  CHECK(options.warmup_steps == 0.1);
  CHECK(options.lr_scheduler_type == "cosine");
  CHECK(options.seed == 9);
  CHECK(options.per_device_train_batch_size == TrainingOptions{}.per_device_train_batch_size);
}

TEST_CASE("values that make no sense are refused by their flag") {
  const auto refused = [](const std::string& flag, auto spoil) {
    TrainingOptions options;
    CHECK_NOTHROW(check_training_flags(options));
    spoil(options);
    CHECK_THROWS_WITH(check_training_flags(options), test::contains(flag));
    CHECK_THROWS_AS(check_training_flags(options), UserError);
  };
  refused("--per_device_train_batch_size", [](auto& o) { o.per_device_train_batch_size = 0; });
  refused("--per_device_eval_batch_size", [](auto& o) { o.per_device_eval_batch_size = -1; });
  refused("--gradient_accumulation_steps", [](auto& o) { o.gradient_accumulation_steps = 0; });
  refused("--num_train_epochs", [](auto& o) { o.num_train_epochs = 0; });
  refused("--num_train_epochs", [](auto& o) { o.num_train_epochs = 1e300; });
  refused("--learning_rate", [](auto& o) { o.learning_rate = -1; });
  refused("--learning_rate", [](auto& o) { o.learning_rate = std::numeric_limits<double>::infinity(); });
  refused("--weight_decay", [](auto& o) { o.weight_decay = -1; });
  refused("--save_total_limit", [](auto& o) { o.save_total_limit = -1; });
  refused("--warmup_steps", [](auto& o) { o.warmup_steps = -1; });
  refused("--min_lr_rate", [](auto& o) { o.min_lr_rate = 1.5; });
  refused("--adam_beta1", [](auto& o) { o.adam_beta1 = 1; });
  refused("--adam_beta2", [](auto& o) { o.adam_beta2 = -0.1; });
  refused("--adam_epsilon", [](auto& o) { o.adam_epsilon = 0; });
  refused("--logging_steps", [](auto& o) { o.logging_steps = 0; });
  refused("dropout", [](auto& o) { o.token_dropout = 1; });
}

TEST_CASE("data come from files or from a ledger, not from both or neither") {
  test::TemporaryFolder folder;
  test::write_file(folder / "a.jsonl", "{\"prompt\": \"p\", \"completion\": \"c\"}\n");
  test::write_file(folder / "bad.jsonl", "{\"prompt\": \"p\", \"completion\": \"c\"}\n{}\n");
  DatasetFlags flags;
  CHECK_THROWS_WITH(flags.demonstrations(), test::contains("--dataset"));
  flags.dataset = {(folder / "a.jsonl").string()};
  CHECK(flags.demonstrations().size() == 1);
  CHECK(flags.eval_demonstrations().empty());
  flags.eval_dataset = flags.dataset;
  CHECK(flags.eval_demonstrations().size() == 1);
  flags.dataset = {(folder / "bad.jsonl").string()};
  CHECK_THROWS_WITH(flags.demonstrations(), test::contains("bad.jsonl:2"));
  flags.skip_bad_lines = true;
  CHECK(flags.demonstrations().size() == 1);
  flags.db = (folder / "ledger.db").string();
  CHECK_THROWS_AS(flags.demonstrations(), UserError);
}
