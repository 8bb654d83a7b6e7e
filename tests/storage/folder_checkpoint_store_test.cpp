#include "storage/folder_checkpoint_store.h"

#include <optional>

#include <sys/stat.h>

#include "contract/error.h"
#include "contract/sha256.h"
#include "storage/manifest.h"
#include "tests/support/catch.h"
#include "tests/support/temporary_folder.h"

using namespace rlhf;
namespace fs = std::filesystem;

namespace {

CheckpointBytes checkpoint(const std::string& weights) {
  CheckpointBytes bytes;
  for (const auto& [name, text] :
       std::map<std::string, std::string>{{"config.json", "{}"}, {"model.safetensors", weights}}) {
    bytes.files.push_back({name, std::make_shared<std::string>(text)});
    bytes.manifest.files.push_back({name, text.size(), sha256_hex(text)});
  }
  bytes.manifest.stage = "sft";
  bytes.manifest.model_hash = model_hash(bytes.manifest.files);
  return bytes;
}

/// Delivers from `bytes` in pieces of three, noting what was asked for.
DeliverFiles deliver_from(const CheckpointBytes& bytes, std::vector<std::size_t>& asked) {
  return [&](const std::vector<std::size_t>& wanted, const TakePiece& take) {
    asked = wanted;
    for (const std::size_t i : wanted) {
      const std::string_view all = *bytes.files[i].bytes;
      for (std::size_t at = 0; at < all.size(); at += 3) take(i, all.substr(at, 3));
    }
  };
}

}  // namespace

TEST_CASE("what is published is there after a restart, equal bytes keep their version") {
  test::TemporaryFolder root;
  {
    FolderCheckpointStore store(root / "store");
    CHECK(store.publish("sft", checkpoint("one")) == 1);
    CHECK(store.publish("sft", checkpoint("two")) == 2);
    CHECK(store.publish("sft", checkpoint("one")) == 1);
    CHECK(store.publish("rm", checkpoint("one")) == 1);
  }
  fs::create_directories(root / "store/sft/7");  // incomplete
  FolderCheckpointStore store(root / "store");
  CHECK(*store.fetch("sft", 0).find("model.safetensors")->bytes == "two");
  CHECK(*store.fetch("sft", 1).find("model.safetensors")->bytes == "one");
  const auto listed = store.list();
  REQUIRE(listed.size() == 2);
  CHECK(listed[0].name == "rm");
  CHECK(listed[1].version == 2);
  CHECK(store.publish("sft", checkpoint("three")) == 8);
  CHECK_THROWS_WITH(store.fetch("none", 0), test::contains("no model named"));
  CHECK_THROWS_WITH(store.fetch("sft", 5), test::contains("no version 5"));
  CHECK_THROWS_AS(store.publish("../evil", checkpoint("x")), UserError);
  CHECK_THROWS_AS(FolderCheckpointStore(root / "store"), UserError);  // held by us
}

TEST_CASE("a transfer in asks only for files the store does not hold") {
  test::TemporaryFolder root;
  FolderCheckpointStore store(root.path());
  const CheckpointBytes first = checkpoint("weights one"), second = checkpoint("weights two");
  std::vector<std::size_t> asked;
  CHECK(store.accept("sft", first.manifest, deliver_from(first, asked)) == 1);
  CHECK(asked == std::vector<std::size_t>{0, 1});
  CHECK(store.accept("sft", second.manifest, deliver_from(second, asked)) == 2);
  CHECK(asked == std::vector<std::size_t>{1});  // config.json is there
  verify(root / "sft/2");
  asked.clear();
  CHECK(store.accept("sft", first.manifest, deliver_from(first, asked)) == 1);
  CHECK(asked.empty());
  CHECK(store.accept("copy", first.manifest, deliver_from(first, asked)) == 1);
  struct stat status {};
  REQUIRE(stat((root / "copy/1/model.safetensors").c_str(), &status) == 0);
  CHECK(status.st_nlink == 2);
}

TEST_CASE("a transfer that breaks leaves nothing") {
  test::TemporaryFolder root;
  FolderCheckpointStore store(root.path());
  const CheckpointBytes bytes = checkpoint("weights");
  CHECK_THROWS_AS(store.accept("sft", bytes.manifest,
                               [](const auto&, const TakePiece& take) {
                                 take(1, "wei");
                                 throw WorldError("the peer went away");
                               }),
                  WorldError);
  CHECK(store.list().empty());
  CHECK(fs::is_empty(root / "sft"));
}

TEST_CASE("a version is read in pieces, and stays readable when its folder goes") {
  test::TemporaryFolder root;
  FolderCheckpointStore store(root.path());
  store.publish("sft", checkpoint(std::string(10, 'w')));
  const auto held = store.open("sft", 0);
  fs::remove_all(root / "sft/1");
  std::vector<std::size_t> pieces;
  held->read(1, 4, [&](std::string_view piece) { pieces.push_back(piece.size()); });
  CHECK(pieces == std::vector<std::size_t>{4, 4, 2});
  CHECK(held->version() == 1);
}
