#include "storage/annotator_links.h"

#include <algorithm>

#include "storage/clock.h"
#include "storage/connection.h"

namespace rlhf {

void add_annotator_link(Database& database, int64_t campaign, const AnnotatorLink& link) {
  Database::Connection& connection = database.connection();
  guarded(connection, [&] {
    SQLite::Statement add(connection.db,
                          "INSERT INTO annotator_links(token_sha256, campaign_id, annotator_id, created_ms, "
                          "expires_ms) VALUES (?,?,?,?,?)");
    execute(add, link.token_sha256, campaign, link.annotator, now_ms(), link.expires_ms);
  });
}

std::vector<AnnotatorLink> annotator_links(Database& database, int64_t campaign) {
  Database::Connection& connection = database.connection();
  return guarded(connection, [&] {
    SQLite::Statement rows(
        connection.db,
        "SELECT token_sha256, annotator_id, expires_ms FROM annotator_links WHERE campaign_id = ?");
    bind_all(rows, campaign);
    std::vector<AnnotatorLink> links;
    while (rows.executeStep()) {
      AnnotatorLink link{{}, rows.getColumn(1).getInt64(), rows.getColumn(2).getInt64()};
      const SQLite::Column hash = rows.getColumn(0);
      if (hash.getBytes() != static_cast<int>(link.token_sha256.size())) continue;  // none of ours
      const auto* bytes = static_cast<const unsigned char*>(hash.getBlob());
      std::copy_n(bytes, link.token_sha256.size(), link.token_sha256.begin());
      links.push_back(link);
    }
    return links;
  });
}

void end_annotator_links(Database& database, int64_t campaign) {
  Database::Connection& connection = database.connection();
  guarded(connection, [&] {
    SQLite::Statement end(
        connection.db,
        "UPDATE annotator_links SET expires_ms = ?1 WHERE campaign_id = ?2 AND expires_ms > ?1");
    execute(end, now_ms(), campaign);
  });
}

}  // namespace rlhf
