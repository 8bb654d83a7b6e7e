-- Schema version 4: a person may have several links to the web page, so that those handed out outlive a restart of it.
-- No program has written the table that this one replaces.

DROP TABLE campaign_annotators;

CREATE TABLE annotator_links(                     -- only a hash of the token in the link is kept
  token_sha256  BLOB PRIMARY KEY,
  campaign_id   INTEGER NOT NULL REFERENCES campaigns(id),
  annotator_id  INTEGER NOT NULL REFERENCES annotators(id),
  created_ms    INTEGER NOT NULL,
  expires_ms    INTEGER NOT NULL
) WITHOUT ROWID, STRICT;
CREATE INDEX annotator_links_by_campaign ON annotator_links(campaign_id);
