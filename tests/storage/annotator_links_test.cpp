#include "storage/annotator_links.h"

#include "storage/annotation_store.h"
#include "storage/clock.h"
#include "tests/storage/ledger_fixture.h"
#include "tests/support/catch.h"

using namespace rlhf;

TEST_CASE("links of a campaign are kept by the hash of their token until they are ended") {
  test::Ledger ledger;
  AnnotationStore store(ledger.database);
  Campaign wanted;
  wanted.name = "c";
  const int64_t campaign = store.open_campaign(wanted).id;
  wanted.name = "other";
  const int64_t other = store.open_campaign(wanted).id;
  const int64_t anna = store.annotator("anna", "human");
  const int64_t later = now_ms() + 60000;
  add_annotator_link(ledger.database, campaign, {sha256_digest("one"), anna, later});
  add_annotator_link(ledger.database, campaign, {sha256_digest("two"), anna, later});
  add_annotator_link(ledger.database, other, {sha256_digest("three"), anna, later});
  CHECK(annotator_links(ledger.database, campaign).size() == 2);
  REQUIRE(annotator_links(ledger.database, other).size() == 1);
  const AnnotatorLink link = annotator_links(ledger.database, other)[0];
  CHECK(link.token_sha256 == sha256_digest("three"));
  CHECK(link.annotator == anna);
  CHECK(link.expires_ms == later);
  end_annotator_links(ledger.database, campaign);
  for (const AnnotatorLink& ended : annotator_links(ledger.database, campaign))
    CHECK(ended.expires_ms < later);
  CHECK(annotator_links(ledger.database, other)[0].expires_ms == later);
}
