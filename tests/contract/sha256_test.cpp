#include "contract/sha256.h"

#include "contract/error.h"
#include "tests/support/catch.h"
#include "tests/support/temporary_folder.h"

using namespace rlhf;

TEST_CASE("SHA-256 gives the digests of FIPS 180-4") {
  CHECK(sha256_hex("") == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  CHECK(sha256_digest("abc")[0] == 0xba);
  CHECK(sha256_digest("abc")[31] == 0xad);
  CHECK(sha256_digest("")[0] == 0xe3);
  CHECK(sha256_hex("abc") == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}

TEST_CASE("pieces and a file give the digest of the whole") {
  const std::string bytes(3'000'000, 'x');
  Sha256 hash;
  hash.update(std::string_view(bytes).substr(0, 7));
  hash.update(std::string_view(bytes).substr(7));
  const std::string whole = sha256_hex(bytes);
  CHECK(hash.hex_digest() == whole);

  test::TemporaryFolder folder;
  test::write_file(folder / "file", bytes);
  CHECK(sha256_file(folder / "file") == whole);
  CHECK_THROWS_AS(sha256_file(folder / "absent"), UserError);
}
