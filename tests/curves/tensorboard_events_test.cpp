#include "curves/tensorboard_events.h"

#include <cmath>
#include <limits>

#include "curves/event_record.h"
#include "tests/support/catch.h"
#include "tests/support/temporary_folder.h"

using namespace rlhf;
namespace fs = std::filesystem;

namespace {

std::vector<fs::path> files_in(const fs::path& folder) {
  std::vector<fs::path> files;
  for (const auto& entry : fs::directory_iterator(folder)) files.push_back(entry.path());
  return files;
}

/// Steps of the data events, in file order; -1 for a version and -2 for the start of a session.
std::vector<int64_t> steps_in(const fs::path& file) {
  const std::string bytes = test::read_file(file);
  std::vector<int64_t> steps;
  RecordReader reader(bytes);
  for (std::string_view record, event; reader.next(record, event);) {
    const EventHead head = read_event_head(event);
    steps.push_back(head.is_version ? -1 : head.is_session_start ? -2 : head.step);
  }
  CHECK(reader.position() == bytes.size());
  return steps;
}

}  // namespace

TEST_CASE("CRC-32C gives the check values of RFC 3720") {
  CHECK(crc32c("123456789") == 0xe3069283u);
  CHECK(crc32c(std::string(32, '\0')) == 0x8a9136aau);
  CHECK(crc32c("") == 0u);
}

TEST_CASE("Events equal, byte for byte, what TensorBoard's own protobufs and record writer make") {
  const double infinity = std::numeric_limits<double>::infinity();
  std::string bytes;
  bytes += framed_record(version_event(1700000000.25));
  bytes += framed_record(session_start_event(1700000000.5, 0));
  bytes +=
      framed_record(text_event(1700000000.75, 0, "args", verbatim_markdown("seed = 7\nprompt = \xc3\xbc")));
  bytes += framed_record(scalars_event(1700000001.0, 1, {{"train/loss", 2.5}, {"eval/loss", -0.1}}));
  bytes += framed_record(scalars_event(
      1700000002.0, 300, {{"train/objective/kl", std::nan("")}, {"train/num_tokens", 123456789.0}}));
  bytes += framed_record(scalars_event(1700000003.0, 5'000'000'000, {{"train/loss", infinity}}));
  CHECK(bytes == test::read_file(test::fixture("curves/tensorboard_events.bin")));
}

TEST_CASE("Events go to one folder under runs, named after time and host, with Hugging Face's tags") {
  test::TemporaryFolder run;
  TensorBoardEvents events(run.path());
  events.log(1, {{"loss", 1}, {"eval_loss", 2}, {"objective/kl", 3}});
  events.flush();
  CHECK(events.folder().parent_path() == run / "runs");
  const auto files = files_in(events.folder());
  REQUIRE(files.size() == 1);
  CHECK(files[0].filename().string().starts_with("events.out.tfevents."));
  const std::string bytes = test::read_file(files[0]);
  for (const char* tag : {"train/loss", "eval/loss", "train/objective/kl"})
    CHECK(bytes.find(tag) != std::string::npos);
  CHECK(steps_in(files[0]) == std::vector<int64_t>{-1, 1});
}

TEST_CASE("A resumed run goes on in its folder; later steps are dropped and none is doubled") {
  test::TemporaryFolder run;
  fs::path folder;
  {
    TensorBoardEvents events(run.path());
    events.log_text(0, "args", "x");
    for (int64_t step = 1; step <= 4; ++step) events.log(step, {{"loss", 1}});
    folder = events.folder();
  }
  const fs::path old_file = files_in(folder).at(0);
  TensorBoardEvents events(run.path());
  CHECK(events.folder() == folder);
  events.truncate_after(4);
  CHECK(files_in(folder).at(0) == old_file);  // nothing past it: nothing touched
  events.truncate_after(2);
  events.log(3, {{"loss", 1}});
  const auto files = files_in(folder);
  REQUIRE(files.size() == 1);
  CHECK(files[0] > old_file);  // a new name that sorts later
  CHECK(steps_in(files[0]) == std::vector<int64_t>{-1, -2, 0, 1, 2, 3});
}

TEST_CASE("A crash between writing the kept events and removing the old file doubles nothing") {
  test::TemporaryFolder run;
  TensorBoardEvents events(run.path());
  for (int64_t step = 1; step <= 3; ++step) events.log(step, {{"loss", 1}});
  const fs::path old_file = files_in(events.folder()).at(0);
  const std::string old_bytes = test::read_file(old_file);
  events.truncate_after(2);
  test::write_file(old_file, old_bytes);  // as if it had never been removed
  TensorBoardEvents resumed(run.path());
  resumed.truncate_after(2);
  const auto files = files_in(resumed.folder());
  REQUIRE(files.size() == 1);
  CHECK(steps_in(files[0]) == std::vector<int64_t>{-1, -2, 1, 2});
}

TEST_CASE("A torn record is cut off when the file is opened again") {
  test::TemporaryFolder run;
  fs::path file;
  {
    TensorBoardEvents events(run.path());
    events.log(1, {{"loss", 1}});
    events.log(2, {{"loss", 1}});
    file = files_in(events.folder()).at(0);
  }
  const std::string bytes = test::read_file(file);
  const std::size_t lost = GENERATE(1u, 4u, 20u);
  test::write_file(file, bytes.substr(0, bytes.size() - lost));
  TensorBoardEvents events(run.path());
  events.log(2, {{"loss", 5}});
  CHECK(steps_in(file) == std::vector<int64_t>{-1, 1, 2});
}

TEST_CASE("A record reader stops at absurd lengths and wrong checksums") {
  const std::string good = framed_record("hello");
  std::string_view record;
  std::string_view event;
  for (std::size_t i = 0; i < good.size(); ++i) {
    std::string bad = good;
    bad[i] = static_cast<char>(bad[i] ^ 0x40);
    RecordReader reader(bad);
    CHECK_FALSE(reader.next(record, event));
  }
  RecordReader reader(good);
  CHECK(reader.next(record, event));
  CHECK(event == "hello");
  CHECK_FALSE(reader.next(record, event));
}
