#include "cli/config_file.h"

#include <CLI/CLI.hpp>

#include "cli/effective_config.h"
#include "contract/error.h"
#include "tests/support/catch.h"
#include "tests/support/temporary_folder.h"

using namespace rlhf;

namespace {

using Arguments = std::vector<std::string>;

/// A command with every kind of flag the program has.
struct Command {
  Command() {
    app.option_defaults()->multi_option_policy(CLI::MultiOptionPolicy::TakeLast);
    train = app.add_subcommand("train");
    train->add_option("--learning_rate", learning_rate)->capture_default_str();
    train->add_option("--warmup_steps,--warmup_ratio", warmup)->capture_default_str();
    train->add_option("--output_dir", output_dir);
    train->add_option("--dataset", dataset);
    train->add_flag("--packing", packing);
    train->add_option("--config", "")->description("");
  }

  void parse(Arguments arguments) {
    std::reverse(arguments.begin(), arguments.end());
    app.parse(std::move(arguments));
  }
  /// As the program does: dashes, then the config file.
  void run(Arguments arguments) { parse(expand_config_file(with_underscores(std::move(arguments)))); }

  double learning_rate = 0.5, warmup = 0;
  std::string output_dir;
  std::vector<std::string> dataset;
  bool packing = false;
  CLI::App app;
  CLI::App* train;
};

class ConfigFile {
 public:
  explicit ConfigFile(const std::string& toml) { test::write_file(path(), toml); }
  std::string path() const { return (folder_ / "run.toml").string(); }

 private:
  test::TemporaryFolder folder_;
};

}  // namespace

TEST_CASE("dashes in a flag's name are underscores; values and what follows -- stay as they are") {
  CHECK(with_underscores({"train", "--learning-rate", "1e-5", "--output-dir=my-run", "--", "--not-a-flag"}) ==
        Arguments{"train", "--learning_rate", "1e-5", "--output_dir=my-run", "--", "--not-a-flag"});
  CHECK(with_underscores({"-h", "a-b", "--"}) == Arguments{"-h", "a-b", "--"});
}

TEST_CASE("a config file gives flags their values, and the command line wins") {
  const ConfigFile config(
      "learning-rate = 0.25\noutput_dir = \"a b\"  # a comment\ndataset = [\"x\", \"y\"]\npacking = true\n");
  Command from_file;
  from_file.run({"train", "--config", config.path()});
  CHECK(from_file.learning_rate == 0.25);
  CHECK(from_file.output_dir == "a b");
  CHECK(from_file.dataset == Arguments{"x", "y"});
  CHECK(from_file.packing);

  Command overridden;
  overridden.run(
      {"train", "--config=" + config.path(), "--learning-rate", "2", "--dataset", "z", "--packing=false"});
  CHECK(overridden.learning_rate == 2);
  CHECK(overridden.dataset == Arguments{"z"});
  CHECK(overridden.output_dir == "a b");
  CHECK_FALSE(overridden.packing);
}

TEST_CASE("a # begins a comment outside quotes only") {
  const ConfigFile config(
      "# first\n  output_dir = 'run #3'# last\n#learning_rate = 9\ndataset = [\"a \\\"#\\\" b\"] # c\n");
  Command command;
  command.run({"train", "--config", config.path()});
  CHECK(command.output_dir == "run #3");
  CHECK(command.learning_rate == 0.5);
  CHECK(command.dataset == Arguments{"a \"#\" b"});
}

TEST_CASE("the command line wins under another name of the same flag, too") {
  const ConfigFile config("warmup_ratio = 0.25\n");
  Command command;
  command.run({"train", "--warmup_steps", "7", "--config", config.path()});
  CHECK(command.warmup == 7);
}

TEST_CASE("a config file that cannot be used is refused by its name") {
  CHECK_THROWS_AS(expand_config_file({"train", "--config", "/nowhere/run.toml"}), UserError);
  CHECK_THROWS_AS(expand_config_file({"train", "--config"}), UserError);
  const ConfigFile section("[train]\nlearning_rate = 1\n");
  CHECK_THROWS_WITH(expand_config_file({"train", "--config", section.path()}), test::contains("[train]"));
  const ConfigFile empty("# a run\nseed = 1\nlearning_rate =\n");
  CHECK_THROWS_WITH(expand_config_file({"train", "--config", empty.path(), "--model", "m"}),
                    test::contains(empty.path() + ":3: learning_rate has no value"));
  const ConfigFile blank("output_dir = \"\"\ndataset = [\"x\"]\n");
  Command named;
  named.run({"train", "--config", blank.path()});
  CHECK(named.output_dir.empty());
  CHECK(named.dataset == Arguments{"x"});
  const ConfigFile unknown("learning_speed = 1\n");
  Command command;
  CHECK_THROWS_AS(command.run({"train", "--config", unknown.path()}), CLI::ParseError);
  CHECK(expand_config_file({"train", "--learning_rate", "1"}) == Arguments{"train", "--learning_rate", "1"});
}

TEST_CASE("the settings in force are told by canonical name, given or not") {
  Command command;
  command.run({"train", "--warmup_ratio", "0.1", "--packing", "--dataset", "x", "y"});
  const auto config = effective_config(*command.train, {"output_dir"});
  CHECK(config["learning_rate"] == "0.5");
  CHECK(config["warmup_steps"] == "0.1");
  CHECK(config["packing"] == true);
  CHECK(config["dataset"] == nlohmann::ordered_json{"x", "y"});
  CHECK_FALSE(config.contains("output_dir"));
  CHECK_FALSE(config.contains("config"));
}

TEST_CASE("a switch that is turned off is told as off") {
  Command command;
  command.run({"train", "--packing=false"});
  CHECK_FALSE(command.packing);
  CHECK(effective_config(*command.train)["packing"] == false);
}

TEST_CASE("settings printed as TOML and read back are the same settings") {
  for (const Arguments& arguments : {Arguments{"train"}, Arguments{"train", "--packing", "--output_dir",
                                                                   "a \"b\" # c", "--dataset", "x", "y z"}}) {
    Command command;
    command.run(arguments);
    const ConfigFile printed(effective_config_toml(*command.train));
    Command again;
    again.run({"train", "--config", printed.path()});
    CHECK(effective_config_toml(*again.train) == effective_config_toml(*command.train));
    CHECK(again.output_dir == command.output_dir);
    CHECK(again.dataset == command.dataset);
    CHECK(again.packing == command.packing);
  }
}
