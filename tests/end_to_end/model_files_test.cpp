// Models in and out: what import and export make, and what they refuse.
#include <csignal>
#include <cstring>

#include "tests/end_to_end/run_folder.h"
#include "tests/end_to_end/run_program.h"
#include "tests/end_to_end/tiny_world.h"
#include "tests/support/catch.h"

namespace rlhf::test {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

const std::string kText = R"({"text": "The film was good, 12 times."})"
                          "\n";

json line_of(const Flags& command, const std::string& input = "") {
  const auto lines = parse_lines(run_well(command, {.input = input}).out);
  REQUIRE(lines.size() == 1);
  return lines[0];
}

json logprobs_of(const std::string& model) {
  return line_of({"logprobs", "--model", model, "--threads", "1"}, kText);
}

json config_of(const std::string& folder) {
  return json::parse(read_file(fs::path(folder) / "config.json"));
}

/// What the program says when it ends with `exit_code`, and that it leaves nothing behind.
std::string refusal(const Flags& command, int exit_code = 2) {
  const fs::path destination = command.at(2);
  const RunResult result = run(command);
  INFO(result.err);
  CHECK(result.exit_code == exit_code);
  CHECK(result.out.empty());
  CHECK_FALSE(fs::exists(destination));
  if (fs::exists(destination.parent_path()))
    for (const auto& entry : fs::directory_iterator(destination.parent_path()))
      CHECK(entry.path().filename().string().find("destination") == std::string::npos);
  return result.err;
}

template <typename T>
std::string as_bytes(T value) {
  std::string bytes(sizeof value, '\0');
  std::memcpy(bytes.data(), &value, sizeof value);
  return bytes;
}

/// The tiny policy as GGUF: its bytes.
std::string exported(const Flags& flags = {}) {
  const TemporaryFolder folder;
  run_well(Flags{"export", tiny().policy, folder / "m.gguf"} + flags);
  return read_file(folder / "m.gguf");
}

}  // namespace

TEST_CASE("a model comes back from GGUF with the same weights, tokenizer and template", "[model_files]") {
  const TemporaryFolder folder;
  const std::string gguf = folder / "m.gguf", back = folder / "back";
  const json out = line_of({"export", tiny().policy, gguf});
  CHECK(out["model"] == gguf);
  CHECK(out["dtype"] == "float32");
  CHECK(out["model_type"] == "llama");
  const json in = line_of({"import", gguf, back});
  CHECK(in["parameters"] == out["parameters"]);
  CHECK(in["model_hash"].get<std::string>().size() == 64);
  CHECK(logprobs_of(back) == logprobs_of(tiny().policy));
  CHECK(config_of(back)["dtype"] == "float32");
  CHECK(read_file(fs::path(back) / "manifest.json").find("\"import\"") != std::string::npos);
}

TEST_CASE("smaller types of a GGUF file stay close to the model", "[model_files]") {
  const TemporaryFolder folder;
  const json exact = logprobs_of(tiny().policy)["logprobs"];
  const std::size_t whole = exported().size();
  for (const std::string dtype : {"f16", "bf16", "q8_0"}) {
    INFO(dtype);
    const std::string gguf = folder / (dtype + ".gguf"), back = folder / dtype;
    run_well({"export", tiny().policy, gguf, "--dtype", dtype});
    CHECK(fs::file_size(gguf) < whole);
    run_well({"import", gguf, back});
    const json close = logprobs_of(back)["logprobs"];
    for (std::size_t i = 1; i < exact.size(); ++i)
      CHECK(close[i].get<double>() == Approx(exact[i].get<double>()).margin(0.02));
  }
}

TEST_CASE("a folder is written in the dtype that is asked for, a reward model with its head",
          "[model_files]") {
  const TemporaryFolder folder;
  const std::string half = folder / "half", wide = folder / "wide", reward = folder / "reward";
  run_well({"export", tiny().policy, half, "--dtype", "bfloat16"});
  CHECK(config_of(half)["dtype"] == "bfloat16");
  run_well({"import", half, wide});
  CHECK(config_of(wide)["dtype"] == "float32");
  CHECK(logprobs_of(half) == logprobs_of(wide));

  run_well({"export", tiny().reward_model, reward});
  const std::string input = R"({"prompt": "The film", "response": " was good."})"
                            "\n";
  CHECK(line_of({"score", "--model", reward}, input) ==
        line_of({"score", "--model", tiny().reward_model}, input));
}

TEST_CASE("models are published, fetched and handed on by address", "[model_files]") {
  const TemporaryFolder folder;
  Program server({"serve", "--listen", "127.0.0.1:0", "--store", folder / "store"});
  const std::string base = "grpc://" + server.listening();
  const json expected = logprobs_of(tiny().policy);

  const json published = line_of({"export", tiny().policy, base + "/policy"});
  CHECK(published["model"] == base + "/policy@1");
  CHECK(line_of({"export", tiny().policy, base + "/policy"}) == published);  // the same bytes again
  CHECK(logprobs_of(base + "/policy") == expected);
  const json handed_on = line_of({"export", base + "/policy@1", base + "/again"});
  CHECK(handed_on["model_hash"] == published["model_hash"]);

  run_well({"export", base + "/policy", folder / "m.gguf"});
  CHECK(read_file(folder / "m.gguf") == exported());
  run_well({"export", folder / "m.gguf", base + "/from_gguf"});
  CHECK(logprobs_of(base + "/from_gguf") == expected);
  run_well({"export", tiny().policy, base + "/half", "--dtype", "bfloat16"});
  run_well({"import", base + "/half", folder / "half", "--dtype", "bfloat16"});
  CHECK(config_of(folder / "half")["dtype"] == "bfloat16");
  run_well({"pretrain", "--model_config", tiny().model_config, "--tokenizer", base + "/policy", "--dataset",
            tiny().texts, "--block_size", "32", "--max_steps", "1", "--output_dir", folder / "run"});
  CHECK(read_file(folder / "run" / "final" / "tokenizer.json") ==
        read_file(fs::path(tiny().tokenizer) / "tokenizer.json"));

  const RunResult numbered = run({"export", tiny().policy, base + "/policy@7"});
  CHECK(numbered.exit_code == 2);
  CHECK_THAT(numbered.err, contains("leave out the @"));
  server.send(SIGTERM);
  server.wait();
  CHECK(run({"export", tiny().policy, base + "/policy"}).exit_code == 1);
}

TEST_CASE("a bad GGUF file is refused and nothing is written", "[model_files]") {
  const TemporaryFolder folder;
  const std::string whole = exported();
  const auto message = [&](const std::string& bytes) {
    write_file(folder / "bad.gguf", bytes);
    return refusal({"import", folder / "bad.gguf", folder / "destination"});
  };
  const auto with = [&](std::size_t at, const std::string& bytes) {
    return whole.substr(0, at) + bytes + whole.substr(at + bytes.size());
  };
  const std::size_t type =
      whole.find("token_embd.weight") + 17 + 4 + 2 * 8;  // after name, count and two sizes
  CHECK_THAT(message(""), contains("bad.gguf: not a GGUF file"));
  CHECK_THAT(message(with(0, "GGML")), contains("not a GGUF file"));
  CHECK_THAT(message(with(4, as_bytes(uint32_t{9}))), contains("version 9"));
  CHECK_THAT(message(with(8, as_bytes(uint64_t{1} << 60))), contains("claims 1152921504606846976 tensors"));
  CHECK_THAT(message(with(16, as_bytes(~uint64_t{0}))), contains("metadata keys"));
  CHECK_THAT(message(with(24, as_bytes(~uint64_t{0}))), contains("a metadata key claims"));
  CHECK_THAT(message(with(type, as_bytes(uint32_t{12}))), contains("ggml type 12"));
  CHECK_THAT(message(whole.substr(0, whole.size() / 2)), contains("truncated"));
  CHECK_THAT(message(whole.substr(0, 100)), contains("truncated"));
}

TEST_CASE("what cannot be converted is refused and nothing is written", "[model_files]") {
  const TemporaryFolder folder;
  const std::string destination = folder / "destination", gguf = folder / "destination.gguf";
  CHECK_THAT(refusal({"import", folder / "nothing.gguf", destination}), contains("nothing.gguf"));
  CHECK_THAT(refusal({"import", folder / "nothing", destination}), contains("no such model folder"));
  CHECK_THAT(refusal({"import", tiny().policy, destination, "--dtype", "int8"}), contains("--dtype int8"));
  CHECK_THAT(refusal({"export", tiny().policy, destination, "--dtype", "q8_0"}), contains("for GGUF files"));
  CHECK_THAT(refusal({"export", tiny().policy, gguf, "--dtype", "float64"}), contains("q8_0"));
  CHECK_THAT(refusal({"export", tiny().reward_model, gguf}), contains("is a reward model"));

  fs::create_directory(folder / "weights");
  for (const char* name : {"config.json", "model.safetensors"})
    fs::copy(fs::path(tiny().policy) / name, folder / "weights");
  CHECK_THAT(refusal({"export", folder / "weights", gguf}), contains("has no tokenizer"));

  write_file(folder / "there.gguf", "mine");
  CHECK(run({"export", tiny().policy, folder / "there.gguf"}).exit_code == 2);
  CHECK(read_file(folder / "there.gguf") == "mine");
  CHECK(run({"import", tiny().policy, folder.path()}).exit_code == 2);
}

}  // namespace rlhf::test
