-- Schema version 3: a run's data has a role, may come from files or from another ledger.

CREATE TABLE run_data_new(                        -- what a run read: enough to read it again, and its hash
  run_id        INTEGER NOT NULL REFERENCES runs(id),
  role          TEXT NOT NULL CHECK (role IN ('train', 'eval')),
  kind          TEXT NOT NULL CHECK (kind IN ('rankings', 'demonstrations', 'prompts')),
  files_json    TEXT NOT NULL DEFAULT '[]' CHECK (json_valid(files_json)),  -- path and SHA-256 of each; []: a ledger
  ledger        TEXT,                             -- where from; NULL: this file
  split         TEXT NOT NULL,                    -- '' for files, as the rest down to through_row
  filter_json   TEXT NOT NULL CHECK (json_valid(filter_json)),  -- campaign, source
  through_tick  INTEGER NOT NULL,                 -- rankings: labels that counted at this tick of the clock
  through_row   INTEGER NOT NULL,                 -- prompts, demonstrations: highest id there was
  records       INTEGER NOT NULL,
  sha256        TEXT NOT NULL,
  PRIMARY KEY (run_id, role, kind)
) WITHOUT ROWID, STRICT;

INSERT OR IGNORE INTO run_data_new(run_id, role, kind, split, filter_json, through_tick, through_row, records, sha256)
SELECT run_id, 'train', kind, split, filter_json, through_tick, through_row, records, sha256 FROM run_data ORDER BY split;
DROP TABLE run_data;
ALTER TABLE run_data_new RENAME TO run_data;
