#include "formats/output_file.h"

#include "contract/error.h"
#include "tests/support/catch.h"
#include "tests/support/temporary_folder.h"

namespace rlhf {

TEST_CASE("a file is there when it is whole, and what stood there stays until then") {
  const test::TemporaryFolder folder;
  test::write_file(folder / "out", "old");
  {
    OutputFile abandoned(folder / "out");
    abandoned.stream() << "half";
  }
  CHECK(test::read_file(folder / "out") == "old");
  OutputFile output(folder / "out");
  output.stream() << "new";
  CHECK(test::read_file(folder / "out") == "old");
  output.close();
  CHECK(test::read_file(folder / "out") == "new");
  CHECK(std::distance(std::filesystem::directory_iterator(folder.path()), {}) == 1);
}

TEST_CASE("a link goes on pointing to what is written") {
  const test::TemporaryFolder folder;
  test::write_file(folder / "target", "old");
  std::filesystem::create_symlink("target", folder / "link");
  OutputFile output(folder / "link");
  output.stream() << "new";
  output.close();
  CHECK(test::read_file(folder / "target") == "new");
  CHECK(std::filesystem::is_symlink(folder / "link"));
}

TEST_CASE("what cannot be written is told") {
  CHECK_THROWS_AS(OutputFile("/nowhere/out"), UserError);
  OutputFile full("/dev/full");
  full.stream() << "x";
  CHECK_THROWS_AS(full.close(), WorldError);
}

}  // namespace rlhf
