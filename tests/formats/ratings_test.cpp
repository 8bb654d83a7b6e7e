#include "tests/formats/reading.h"
#include "tests/support/catch.h"

namespace rlhf {

TEST_CASE("a rating is one person's, under any aspects") {
  const auto reading = test::read_text(
      R"({"prompt":"p","completion":"a","ratings":{"helpful":3,"true":"0.5","kind":null},"annotator":"ann"})"
      "\n"
      R"({"prompt":[{"role":"user","content":"q"}],"completion":[{"role":"assistant","content":"b"}],"ratings":{"helpful":-1}})");
  CHECK(reading.summary.format == "ratings");
  REQUIRE(reading.records.size() == 2);
  CHECK(reading.records[0].provenance.ratings ==
        std::vector<ResponseRating>{{0, "helpful", 3}, {0, "true", 0.5}});
  CHECK(reading.records[0].provenance.annotator == "ann");
  CHECK(std::get<RatedResponse>(reading.records[1].content).response == "b");
}

TEST_CASE("ratings that are none") {
  CHECK(test::contains(test::reason_of(R"({"prompt":"p","completion":"a","ratings":{"x":"good"}})"),
                       "rating 'x'"));
  CHECK(
      test::contains(test::reason_of(R"({"prompt":"p","completion":"a","ratings":{}})"), "holds no rating"));
  CHECK(test::contains(test::reason_of(R"({"prompt":"p","completion":" ","ratings":{"x":1}})"), "is empty"));
  CHECK(test::contains(test::reason_of(R"({"prompt":"p","completion":"a","ratings":[1]})", "ratings"),
                       "must be an object"));
}

}  // namespace rlhf
