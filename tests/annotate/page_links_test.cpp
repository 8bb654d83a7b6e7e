#include "annotate/page_links.h"

#include <set>

#include "contract/error.h"
#include "tests/support/catch.h"
#include "tests/support/temporary_folder.h"

using namespace rlhf;

namespace {

struct Names {
  test::TemporaryFolder folder;
  Database database{folder / "ledger.db"};
  AnnotationStore store{database};

  std::vector<std::string> of(const std::string& text) {
    std::vector<std::string> names;
    for (const PageAnnotator& annotator : page_annotators(store, text)) names.push_back(annotator.name);
    return names;
  }
};

}  // namespace

TEST_CASE("tokens are long, of letters that a link may have, and never the same") {
  std::set<std::string> tokens;
  for (int i = 0; i < 1000; ++i) tokens.insert(new_token());
  CHECK(tokens.size() == 1000);
  for (const std::string& token : tokens) {
    CHECK(token.size() == 43);
    CHECK(token.find_first_not_of("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_") ==
          std::string::npos);
  }
}

TEST_CASE("names of any script are taken as they are") {
  Names names;
  CHECK(names.of(
            "ann, Bj\xC3\xB6rk \t,\xE6\x9D\x8E\xE5\xB0\x8F\xE9\xBE\x99,\xD9\x85\xD8\xB1\xD9\x8A\xD9\x85") ==
        std::vector<std::string>{"ann", "Bj\xC3\xB6rk", "\xE6\x9D\x8E\xE5\xB0\x8F\xE9\xBE\x99",
                                 "\xD9\x85\xD8\xB1\xD9\x8A\xD9\x85"});
  CHECK(names.of("ann") == std::vector<std::string>{"ann"});
  CHECK(page_annotators(names.store, "ann")[0].id == page_annotators(names.store, "ann,bob")[0].id);
}

TEST_CASE("names that cannot be told apart, or are none, are refused") {
  Names names;
  CHECK_THROWS_WITH(names.of("ann,,bob"), test::contains("a name is empty"));
  CHECK_THROWS_WITH(names.of(""), test::contains("a name is empty"));
  CHECK_THROWS_WITH(names.of("ann,Ann"), test::contains("are the same name"));
  // Composed and decomposed.
  CHECK_THROWS_WITH(names.of("Bj\xC3\xB6rk,Bjo\xCC\x88rk"), test::contains("are the same name"));
  CHECK_THROWS_WITH(names.of("a\xFF"), test::contains("not UTF-8"));
  CHECK_THROWS_WITH(names.of(std::string(201, 'a')), test::contains("longer"));
  names.store.annotator("robot", "model");
  CHECK_THROWS_WITH(names.of("ann,robot"), test::contains("is a model annotator"));
}

TEST_CASE("a token admits its annotator until it expires") {
  const PageLinks links({{1, "ann"}, {2, "bob"}}, {{sha256_digest("a"), 1, 100},
                                                   {sha256_digest("b"), 2, 50},
                                                   {sha256_digest("a2"), 1, 100},
                                                   {sha256_digest("c"), 3, 100}});
  using Admission = PageLinks::Admission;
  CHECK(links.visitor("a", 60).annotator.name == "ann");
  CHECK(links.visitor("a2", 60).annotator.name == "ann");
  CHECK(links.visitor("b", 49).admission == Admission::kAdmitted);
  CHECK(links.visitor("b", 50).admission == Admission::kExpired);
  CHECK(links.visitor("c", 1).admission == Admission::kUnknown);  // not of this run
  CHECK(links.visitor("", 1).admission == Admission::kUnknown);
}
