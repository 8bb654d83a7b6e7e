#include "storage/normal_text.h"

#include <map>

#include "contract/error.h"
#include "tests/support/catch.h"

using namespace rlhf;

TEST_CASE("case, composition and white space do not tell texts apart") {
  CHECK(normalized_text("  Hello \t\n WORLD ") == "hello world");
  CHECK(normalized_text("Stra\u00dfe") == "strasse");
  CHECK(normalized_text("e\u0301\u00a0\u2003X\u3000") == "\u00e9 x");
  CHECK(normalized_text("\u0391\u03a3") == normalized_text("\u03b1\u03c2"));  // capital and final sigma
  CHECK(normalized_text("") == "");
  CHECK(normalized_text(" \n") == "");
  CHECK_THROWS_AS(normalized_text("\xff"), UserError);
  CHECK_THROWS_AS(normalized_text("\xed\xa0\x80"), UserError);  // a surrogate
}

TEST_CASE("a conversation is normalised by what is said, not by who says it") {
  const Prompt plain{"Hi there", {}};
  const Prompt chat{"", {{"user", "hi"}, {"assistant", " THERE"}}};
  CHECK(normal_hash(plain) == normal_hash(chat));
}

TEST_CASE("the split follows from the first 32 bits of the hash and is near 90/5/5") {
  // SHA-256("hello world") begins b94d27b9 = 3108841401, modulo 100 = 1.
  CHECK(split_of(normal_hash("Hello  World")) == std::string("train"));
  Sha256Digest digest{};
  digest[3] = 89;
  CHECK(split_of(digest) == std::string("train"));
  digest[3] = 90;
  CHECK(split_of(digest) == std::string("valid"));
  digest[3] = 94;
  CHECK(split_of(digest) == std::string("valid"));
  digest[3] = 95;
  CHECK(split_of(digest) == std::string("test"));
  digest[2] = 1;  // 256 + 95 = 351
  CHECK(split_of(digest) == std::string("train"));
  std::map<std::string, int> counts;
  for (int i = 0; i < 10000; ++i) ++counts[split_of(normal_hash("prompt " + std::to_string(i)))];
  CHECK(counts["train"] == Approx(9000).margin(120));
  CHECK(counts["valid"] == Approx(500).margin(90));
}
