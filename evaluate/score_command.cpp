#include <memory>

#include <CLI/CLI.hpp>

#include "cli/compute_flags.h"
#include "cli/json_lines.h"
#include "cli/text_scorer.h"
#include "contract/error.h"
#include "evaluate/command.h"

namespace rlhf {
namespace {

struct ScoreFlags {
  std::string model;
  JsonLinesFlags lines;
  ComputeFlags compute;
};

void run_score(const ScoreFlags& flags) {
  flags.compute.apply_threads();
  TextScorer scorer(flags.model, flags.compute);
  const std::vector<JsonLine> lines = read_json_lines(flags.lines);
  std::vector<Prompt> prompts;
  std::vector<std::string> responses, places;
  for (const JsonLine& line : lines) {
    places.push_back(line.where);
    if (line.value.contains("messages")) {
      Conversation messages = read_messages(line, "messages");
      if (messages.back().role != "assistant")
        throw UserError(line.where + ": the last message should be the assistant's, which is scored");
      responses.push_back(messages.back().content);
      messages.pop_back();
      if (messages.empty()) throw UserError(line.where + ": there is no message before the assistant's");
      prompts.push_back({"", std::move(messages)});
    } else {
      prompts.push_back({line.text("prompt"), {}});
      responses.push_back(line.text("response"));
    }
  }
  const std::vector<Score> scores = scorer.score(prompts, responses, places);
  JsonLinesOutput output(flags.lines);
  for (size_t i = 0; i < lines.size(); ++i) {
    nlohmann::ordered_json object = lines[i].value;
    object["score"] = scores[i].mean;
    object["raw_score"] = scores[i].raw;
    if (scorer.members() > 1) object["score_spread"] = scores[i].spread;
    output.write(object);
  }
  output.close();
}

}  // namespace

void add_score_command(CLI::App& app) {
  auto flags = std::make_shared<ScoreFlags>();
  CLI::App* command = app.add_subcommand("score", "score responses with a reward model");
  command
      ->add_option("--model", flags->model,
                   "a folder or grpc://HOST:PORT/NAME; several with commas between score as an ensemble")
      ->required();
  add_json_lines_flags(*command, flags->lines);
  add_compute_flags(*command, flags->compute, "float32");
  command->callback([flags] { run_score(*flags); });
}

}  // namespace rlhf
