#include "rpc/chunk_stream.h"

#include "contract/sha256.h"
#include "rpc/error.h"
#include "tests/rpc/fakes.h"
#include "tests/support/catch.h"

namespace rlhf {
namespace {

using Pieces = std::map<std::size_t, std::string>;

struct Fixture {
  CheckpointBytes checkpoint = test::make_checkpoint({{"a", "first file"}, {"b", ""}, {"c", "third"}});
  Pieces taken;

  FileReceiver receiver(std::vector<std::size_t> wanted) {
    return {checkpoint.manifest, std::move(wanted),
            [this](std::size_t file, std::string_view piece) { taken[file] += piece; }};
  }
};

}  // namespace

TEST_CASE("Files arrive in pieces and are whole at the end") {
  Fixture fixture;
  FileReceiver receiver = fixture.receiver({0, 1, 2});
  receiver.add(0, "first ");
  receiver.add(0, "file");
  receiver.add(2, "third");
  receiver.finish();
  CHECK(fixture.taken == Pieces{{0, "first file"}, {2, "third"}});
}

TEST_CASE("Nothing wanted is complete at once, and so are empty files") {
  Fixture fixture;
  fixture.receiver({}).finish();
  fixture.receiver({1}).finish();
}

TEST_CASE("What a store sends is what a receiver takes, whatever the sizes") {
  CheckpointBytes checkpoint = test::make_policy(3);
  MemoryCheckpointStore store;
  store.publish("policy", checkpoint);
  Pieces taken;
  FileReceiver receiver(checkpoint.manifest, {0, 1, 2},
                        [&](std::size_t file, std::string_view piece) { taken[file] += piece; });
  send_files(*store.open("policy", 0), {0, 1, 2}, [&](std::size_t file, std::string_view piece) {
    CHECK(piece.size() <= kChunkBytes);
    receiver.add(file, piece);
  });
  receiver.finish();
  for (std::size_t i = 0; i < 3; ++i) CHECK(taken[i] == *checkpoint.files[i].bytes);
}

TEST_CASE("A damaged transfer names the file") {
  Fixture fixture;
  FileReceiver receiver = fixture.receiver({0, 2});
  SECTION("another byte") {
    CHECK_THROWS_WITH(receiver.add(0, "First file"), test::contains("a arrived damaged"));
  }
  SECTION("cut short") {
    receiver.add(0, "first");
    CHECK_THROWS_WITH(receiver.finish(), test::contains("a ended after 5 of 10 bytes"));
  }
  SECTION("a whole file missing") {
    receiver.add(0, "first file");
    CHECK_THROWS_WITH(receiver.finish(), test::contains("c ended after 0 of 5 bytes"));
  }
  SECTION("longer than announced") {
    CHECK_THROWS_WITH(receiver.add(0, "first file!"), test::contains("longer than the 10 bytes"));
  }
  SECTION("out of order") {
    CHECK_THROWS_AS(receiver.add(2, "third"), DamagedTransfer);
  }
  SECTION("not wanted") {
    CHECK_THROWS_AS(receiver.add(1, "x"), DamagedTransfer);
  }
  SECTION("after the end") {
    receiver.add(0, "first file");
    receiver.add(2, "third");
    CHECK_THROWS_AS(receiver.add(2, "third"), DamagedTransfer);
  }
  SECTION("an empty chunk") {
    CHECK_THROWS_AS(receiver.add(0, ""), DamagedTransfer);
  }
  SECTION("a chunk above the cap") {
    CHECK_THROWS_AS(receiver.add(0, std::string(kLargestChunk + 1, 'x')), DamagedTransfer);
  }
}

}  // namespace rlhf
