#include "tests/end_to_end/refusal.h"

#include "tests/support/catch.h"
#include "tests/support/temporary_folder.h"

namespace rlhf::test {

void check_refused(const std::vector<std::string>& command, const Words& words, int exit_code,
                   RunOptions options) {
  const RunResult result = run(command, std::move(options));
  INFO("exit code " << result.exit_code << "\n" << result.err);
  CHECK(result.exit_code == exit_code);
  CHECK(result.out.empty());
  for (const std::string& word : words) CHECK_THAT(result.err, contains(word));
}

void check_run_refused(const std::vector<std::string>& command, const Words& words, int exit_code) {
  TemporaryFolder folder;
  check_refused(command + std::vector<std::string>{"--output_dir", folder / "deep" / "run"}, words,
                exit_code);
  CHECK(std::filesystem::is_empty(folder.path()));
}

}  // namespace rlhf::test
