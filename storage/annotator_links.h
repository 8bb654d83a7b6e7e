#pragma once
#include <cstdint>
#include <vector>

#include "contract/sha256.h"
#include "storage/database.h"

namespace rlhf {

/// A link to the web page of a campaign: whom it lets in, and until when. The ledger keeps the hash of its
/// token alone, so whoever reads the file cannot answer in somebody's name.
struct AnnotatorLink {
  Sha256Digest token_sha256{};
  int64_t annotator = 0;
  int64_t expires_ms = 0;  ///< UTC milliseconds
};

void add_annotator_link(Database& database, int64_t campaign, const AnnotatorLink& link);

/// All links of the campaign, expired ones too.
std::vector<AnnotatorLink> annotator_links(Database& database, int64_t campaign);

/// Lets the links of the campaign that still hold expire at once.
void end_annotator_links(Database& database, int64_t campaign);

}  // namespace rlhf
