#include "cli/progress_bar.h"

#include <stdexcept>

#include <fcntl.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "log/log.h"
#include "tests/support/catch.h"
#include "tests/support/temporary_folder.h"

using namespace rlhf;

namespace {

/// A pseudo-terminal of 80 columns: what the program sees, and what a person would.
class Terminal {
 public:
  Terminal() : person_(::posix_openpt(O_RDWR | O_NOCTTY)) {
    REQUIRE(person_ >= 0);
    REQUIRE(::grantpt(person_) == 0);
    REQUIRE(::unlockpt(person_) == 0);
    program_ = ::open(::ptsname(person_), O_RDWR | O_NOCTTY);
    REQUIRE(program_ >= 0);
    winsize size{};
    size.ws_col = 80;
    ::ioctl(program_, TIOCSWINSZ, &size);
  }
  ~Terminal() {
    ::close(program_);
    ::close(person_);
  }
  int descriptor() const { return program_; }

  std::string written() {
    ::fcntl(person_, F_SETFL, O_NONBLOCK);
    std::string text;
    char bytes[4096];
    for (ssize_t count; (count = ::read(person_, bytes, sizeof(bytes))) > 0;)
      text.append(bytes, static_cast<std::size_t>(count));
    return text;
  }

 private:
  int person_;
  int program_ = -1;
};

ProgressLine half_way() {
  ProgressLine line;
  line.label = "ppo";
  line.step = 21;
  line.total_steps = 50;
  line.elapsed_seconds = 23.9;
  line.seconds_per_step = 1.125;
  line.shown = {{"objective/scores", 0.912345}, {"objective/kl", 3.2}};
  return line;
}

ProgressOptions options_for(int descriptor) {
  ProgressOptions options;
  options.label = "sft";
  options.total_steps = 10;
  options.metrics = {"loss"};
  options.descriptor = descriptor;
  return options;
}

}  // namespace

TEST_CASE("The line has bar, step, times, rate and metrics") {
  CHECK(progress_line(half_way(), 100) ==
        "ppo  42%|############                  | 21/50 [00:23<00:32, 1.12 s/step, scores 0.912, kl 3.2]");
  ProgressLine fast = half_way();
  fast.seconds_per_step = 0.02;
  fast.elapsed_seconds = 3723;
  CHECK(progress_line(fast, 100).find("[1:02:03<00:00, 50 steps/s,") != std::string::npos);
  ProgressLine new_run;
  new_run.label = "sft";
  new_run.total_steps = 10;
  CHECK(progress_line(new_run, 80).find("0/10 [00:00<?, ? steps/s]") != std::string::npos);
}

TEST_CASE("The line never passes the width; metrics give way before the bar does") {
  for (int width = 0; width < 120; ++width)
    CHECK(progress_line(half_way(), width).size() <= static_cast<std::size_t>(width));
  const std::string narrow = progress_line(half_way(), 66);
  CHECK(narrow.find("scores") == std::string::npos);
  CHECK(narrow.find("####") != std::string::npos);
  CHECK(narrow.find("1.12 s/step]") != std::string::npos);
}

TEST_CASE("The bar says nothing where there is no terminal") {
  test::TemporaryFolder folder;
  const int file = ::open((folder / "stderr").c_str(), O_RDWR | O_CREAT, 0644);
  {
    ProgressBar bar(options_for(file));
    bar.update(10, {{"loss", 1}});
  }
  ::close(file);
  CHECK(test::read_file(folder / "stderr").empty());
}

TEST_CASE("On a terminal the bar draws over itself, keeps its metrics, and ends its line") {
  Terminal terminal;
  {
    ProgressBar bar(options_for(terminal.descriptor()));
    bar.update(9, {{"grad_norm", 3}, {"loss", 2.5}});
    bar.update(10);
  }
  const std::string text = terminal.written();
  CHECK(text.starts_with("\r\x1b[2Ksft   0%|"));
  CHECK(text.find("10/10") != std::string::npos);
  CHECK(text.find("loss 2.5") != std::string::npos);
  CHECK(text.find("grad_norm") == std::string::npos);
  CHECK(text.ends_with("]\r\n"));
  CHECK(text.find('\n') == text.size() - 1);
}

TEST_CASE("An exception ends the line too, and later log lines are written as ever") {
  Terminal terminal;
  const auto interrupted = [&] {
    ProgressBar bar(options_for(terminal.descriptor()));
    throw std::runtime_error("interrupted");
  };
  CHECK_THROWS_AS(interrupted(), std::runtime_error);
  CHECK(terminal.written().ends_with("]\r\n"));
  log::info("this line comes from the test of the progress bar");
}

TEST_CASE("A line of the log clears the bar before it and draws it again after it") {
  Terminal terminal;
  ProgressBar bar(options_for(terminal.descriptor()));
  terminal.written();
  log::info("this line comes from the test of the progress bar");
  CHECK(terminal.written().starts_with("\r\x1b[2K\r\x1b[2Ksft   0%|"));
}
