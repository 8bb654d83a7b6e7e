-- The ledger, schema version 1. docs/ledger.md tells what each table is for and which queries they serve.
-- Times are UTC milliseconds. Hashes are SHA-256: 32-byte blobs where they identify a row of text, hexadecimal text
-- where people meet them (models, files). Labels are never deleted: the triggers at the end see to it.

-- Ticks with every change of labels, so that "the labels as they were when this run began" can be asked for.
CREATE TABLE clock(
  id    INTEGER PRIMARY KEY CHECK (id = 1),
  tick  INTEGER NOT NULL
) STRICT;
INSERT INTO clock VALUES (1, 0);

-- Where things come from ---------------------------------------------------------------------------------------------

CREATE TABLE imports(
  id            INTEGER PRIMARY KEY,
  path          TEXT NOT NULL,
  sha256        TEXT,                             -- of the file's bytes as they lie on disk; NULL: standard input
  format        TEXT NOT NULL,
  tool_version  TEXT NOT NULL,
  license       TEXT,
  imported      INTEGER NOT NULL DEFAULT 0,       -- records that were new
  present       INTEGER NOT NULL DEFAULT 0,       -- records that the ledger had
  rejected      INTEGER NOT NULL DEFAULT 0,
  started_ms    INTEGER NOT NULL,
  finished_ms   INTEGER,                          -- NULL: was cut short; importing again completes it
  UNIQUE(sha256, format)
) STRICT;

CREATE TABLE models(
  id              INTEGER PRIMARY KEY,
  model_hash      TEXT UNIQUE,                    -- NULL for a model known by name alone, as in imported files
  name            TEXT NOT NULL,
  stage           TEXT,                           -- pretrain, sft, reward, ppo, import
  tokenizer_hash  TEXT,
  config_json     TEXT CHECK (config_json IS NULL OR json_valid(config_json)),
  path            TEXT,                           -- where it was last seen
  created_ms      INTEGER NOT NULL
) STRICT;
CREATE UNIQUE INDEX models_by_name_alone ON models(name) WHERE model_hash IS NULL;

CREATE TABLE model_parents(                       -- lineage: pretrain -> sft -> reward, ppo
  model_id   INTEGER NOT NULL REFERENCES models(id),
  role       TEXT NOT NULL CHECK (role IN ('initial', 'reference', 'reward', 'critic')),
  parent_id  INTEGER NOT NULL REFERENCES models(id),
  PRIMARY KEY (model_id, role, parent_id)
) WITHOUT ROWID, STRICT;
CREATE INDEX model_children ON model_parents(parent_id);

-- Prompts and what was answered to them ------------------------------------------------------------------------------

CREATE TABLE prompts(
  id             INTEGER PRIMARY KEY,
  canon_sha256   BLOB NOT NULL UNIQUE,            -- of the exact content: identity
  norm_sha256    BLOB NOT NULL,                   -- of the normalised text: decides the split, finds near-duplicates
  text           TEXT,
  messages_json  TEXT CHECK (messages_json IS NULL OR json_valid(messages_json)),
  split          TEXT NOT NULL CHECK (split IN ('train', 'valid', 'test')),
  source         TEXT,                            -- data set
  source_id      TEXT,                            -- its id there
  tags_json      TEXT NOT NULL DEFAULT '[]' CHECK (json_valid(tags_json)),
  import_id      INTEGER REFERENCES imports(id),
  CHECK ((text IS NULL) <> (messages_json IS NULL))
) STRICT;
CREATE INDEX prompts_by_norm ON prompts(norm_sha256);
CREATE INDEX prompts_by_split ON prompts(split);
CREATE INDEX prompts_by_import ON prompts(import_id);

CREATE TABLE sampling(
  id                  INTEGER PRIMARY KEY,
  sha256              BLOB NOT NULL UNIQUE,       -- of all settings below
  temperature         REAL NOT NULL,
  top_k               INTEGER NOT NULL,
  top_p               REAL NOT NULL,
  min_p               REAL NOT NULL,
  repetition_penalty  REAL NOT NULL,
  max_new_tokens      INTEGER NOT NULL,
  stop_json           TEXT NOT NULL DEFAULT '[]' CHECK (json_valid(stop_json)),
  engine              TEXT NOT NULL               -- program and version that sampled
) STRICT;

CREATE TABLE responses(
  id             INTEGER PRIMARY KEY,
  prompt_id      INTEGER NOT NULL REFERENCES prompts(id),
  text           TEXT NOT NULL,
  text_sha256    BLOB NOT NULL,
  token_ids      BLOB,                            -- int32 little-endian, as sampled
  model_id       INTEGER REFERENCES models(id),
  sampling_id    INTEGER REFERENCES sampling(id),
  seed           INTEGER,
  sample_index   INTEGER,
  finish_reason  TEXT CHECK (finish_reason IN ('stop', 'length', 'human')),
  source_id      TEXT,
  import_id      INTEGER REFERENCES imports(id),
  created_ms     INTEGER NOT NULL
) STRICT;
-- A plain UNIQUE would let NULLs repeat.
CREATE UNIQUE INDEX responses_identity ON responses(prompt_id, text_sha256, COALESCE(model_id, 0),
  COALESCE(sampling_id, 0), COALESCE(seed, -1), COALESCE(sample_index, -1));
CREATE INDEX responses_by_model ON responses(model_id, prompt_id) WHERE model_id IS NOT NULL;

CREATE TABLE demonstrations(
  id                INTEGER PRIMARY KEY,
  canon_sha256      BLOB NOT NULL UNIQUE,
  form              TEXT NOT NULL CHECK (form IN ('text', 'prompt_completion', 'conversation')),
  prompt_id         INTEGER REFERENCES prompts(id),  -- NULL for plain text; for a conversation what precedes the
                                                     -- first supervised turn
  completion        TEXT,                         -- text and prompt_completion
  messages_json     TEXT CHECK (messages_json IS NULL OR json_valid(messages_json)),  -- conversation: every turn
  first_supervised  INTEGER NOT NULL DEFAULT 0,
  split             TEXT NOT NULL CHECK (split IN ('train', 'valid', 'test')),
  source            TEXT,
  source_id         TEXT,
  annotator_id      INTEGER REFERENCES annotators(id),
  import_id         INTEGER REFERENCES imports(id),
  CHECK ((completion IS NULL) <> (messages_json IS NULL))
) STRICT;
CREATE INDEX demonstrations_by_split ON demonstrations(split);
CREATE INDEX demonstrations_by_prompt ON demonstrations(prompt_id);
CREATE INDEX demonstrations_by_import ON demonstrations(import_id);

-- People and what they said ------------------------------------------------------------------------------------------

CREATE TABLE annotators(
  id           INTEGER PRIMARY KEY,
  handle       TEXT NOT NULL UNIQUE,
  kind         TEXT NOT NULL CHECK (kind IN ('human', 'simulated', 'model')),
  params_json  TEXT NOT NULL DEFAULT '{}' CHECK (json_valid(params_json)),  -- simulated: lexicon hash, noise, seed
  created_ms   INTEGER NOT NULL
) STRICT;

CREATE TABLE campaigns(
  id                 INTEGER PRIMARY KEY,
  name               TEXT NOT NULL UNIQUE,
  guidelines         TEXT NOT NULL DEFAULT '',
  guidelines_sha256  TEXT NOT NULL,
  k                  INTEGER NOT NULL CHECK (k >= 2),
  overlap            INTEGER NOT NULL DEFAULT 1 CHECK (overlap >= 1),  -- people per task
  blind              INTEGER NOT NULL DEFAULT 1 CHECK (blind IN (0, 1)),
  seed               INTEGER NOT NULL DEFAULT 0,  -- of the order in which responses are shown
  status             TEXT NOT NULL DEFAULT 'open' CHECK (status IN ('open', 'closed')),
  created_ms         INTEGER NOT NULL
) STRICT;

CREATE TABLE campaign_annotators(                 -- links of the web page: only a hash of the token is kept
  campaign_id   INTEGER NOT NULL REFERENCES campaigns(id),
  annotator_id  INTEGER NOT NULL REFERENCES annotators(id),
  token_sha256  TEXT UNIQUE,
  expires_ms    INTEGER,
  PRIMARY KEY (campaign_id, annotator_id)
) WITHOUT ROWID, STRICT;

CREATE TABLE tasks(
  id             INTEGER PRIMARY KEY,
  campaign_id    INTEGER NOT NULL REFERENCES campaigns(id),
  prompt_id      INTEGER NOT NULL REFERENCES prompts(id),
  items_sha256   BLOB NOT NULL,                   -- of the sorted response ids: a task is made once
  status         TEXT NOT NULL DEFAULT 'open' CHECK (status IN ('open', 'closed')),
  priority       REAL NOT NULL DEFAULT 0,         -- higher is handed out first
  reason         TEXT,                            -- why it was chosen: random, disagreement, margin, ...
  gold_json      TEXT CHECK (gold_json IS NULL OR json_valid(gold_json)),  -- known ranks: a check on the annotator
  created_ms     INTEGER NOT NULL,
  UNIQUE (campaign_id, prompt_id, items_sha256)
) STRICT;
CREATE INDEX tasks_to_do ON tasks(campaign_id, priority DESC, id) WHERE status = 'open';

CREATE TABLE task_items(
  task_id      INTEGER NOT NULL REFERENCES tasks(id),
  response_id  INTEGER NOT NULL REFERENCES responses(id),
  PRIMARY KEY (task_id, response_id)
) WITHOUT ROWID, STRICT;
CREATE INDEX task_items_by_response ON task_items(response_id);

CREATE TABLE annotations(
  id            INTEGER PRIMARY KEY,
  import_key    BLOB UNIQUE,                      -- of an imported record's content: imported once
  prompt_id     INTEGER NOT NULL REFERENCES prompts(id),
  task_id       INTEGER REFERENCES tasks(id),
  annotator_id  INTEGER REFERENCES annotators(id),
  import_id     INTEGER REFERENCES imports(id),
  status        TEXT NOT NULL
                CHECK (status IN ('draft', 'submitted', 'skipped', 'not_rankable', 'superseded', 'abandoned')),
  order_seed    INTEGER,
  margin        REAL,                             -- wanted difference of scores, pairs only
  confidence    REAL,
  note          TEXT,
  source_id     TEXT,
  started_ms    INTEGER,
  touched_ms    INTEGER,                          -- last sign of life of a draft
  submitted_ms  INTEGER,
  submitted_tick   INTEGER,                       -- the label counts from this tick of the clock
  superseded_tick  INTEGER,                       -- up to before this one
  supersedes       INTEGER REFERENCES annotations(id)
) STRICT;
-- One living answer per person and task.
CREATE UNIQUE INDEX annotations_of_task ON annotations(task_id, annotator_id)
  WHERE task_id IS NOT NULL AND status IN ('draft', 'submitted', 'skipped', 'not_rankable');
CREATE INDEX annotations_by_task ON annotations(task_id) WHERE task_id IS NOT NULL;
CREATE INDEX annotations_by_annotator ON annotations(annotator_id, status, id);
CREATE INDEX annotations_by_prompt ON annotations(prompt_id);
CREATE INDEX annotations_by_import ON annotations(import_id) WHERE import_id IS NOT NULL;
CREATE INDEX annotations_superseding ON annotations(supersedes) WHERE supersedes IS NOT NULL;

CREATE TABLE ranks(
  annotation_id  INTEGER NOT NULL REFERENCES annotations(id),
  response_id    INTEGER NOT NULL REFERENCES responses(id),
  position       INTEGER NOT NULL CHECK (position >= 0),  -- place where it was shown, or stood in the file
  rank           INTEGER CHECK (rank >= 1),       -- dense, 1 = best, equal = tie; NULL: shown, not ranked
  PRIMARY KEY (annotation_id, response_id)
) WITHOUT ROWID, STRICT;
CREATE INDEX ranks_by_response ON ranks(response_id);

CREATE TABLE ratings(                             -- of one response under one aspect
  annotation_id  INTEGER NOT NULL REFERENCES annotations(id),
  response_id    INTEGER NOT NULL REFERENCES responses(id),
  aspect         TEXT NOT NULL,
  value          REAL NOT NULL,
  lowest         REAL,                            -- ends of the scale, where known
  highest        REAL,
  PRIMARY KEY (annotation_id, response_id, aspect)
) WITHOUT ROWID, STRICT;

-- Rankings are the truth, pairs are derived. Each unordered pair of a ranking counts 1 / C(K,2).
CREATE VIEW comparisons AS
SELECT a.id AS annotation_id, a.prompt_id, p.split, a.annotator_id, a.import_id,
       w.response_id AS winner_id, l.response_id AS loser_id,
       w.rank = l.rank AS is_tie, l.rank - w.rank AS rank_gap, w.position < l.position AS winner_shown_first,
       2.0 / ((SELECT COUNT(*) * (COUNT(*) - 1) FROM ranks WHERE annotation_id = a.id)) AS weight
FROM annotations a
JOIN prompts p ON p.id = a.prompt_id
JOIN ranks w ON w.annotation_id = a.id
JOIN ranks l ON l.annotation_id = a.id
WHERE a.status = 'submitted'
  AND (w.rank < l.rank OR (w.rank = l.rank AND w.response_id < l.response_id));

-- Votes on each pair of responses, over everyone who compared them: for agreement, Bradley-Terry, Condorcet.
CREATE VIEW votes AS
SELECT a.prompt_id, x.response_id AS a_id, y.response_id AS b_id,
       SUM(x.rank < y.rank) AS n_a, SUM(x.rank > y.rank) AS n_b, SUM(x.rank = y.rank) AS n_tie
FROM annotations a
JOIN ranks x ON x.annotation_id = a.id
JOIN ranks y ON y.annotation_id = a.id AND x.response_id < y.response_id
WHERE a.status = 'submitted'
GROUP BY a.prompt_id, x.response_id, y.response_id;

-- Runs and what they did ---------------------------------------------------------------------------------------------

CREATE TABLE runs(
  id             INTEGER PRIMARY KEY,
  uid            TEXT NOT NULL UNIQUE,            -- run_id of the run folder's run.json
  stage          TEXT NOT NULL,
  output_dir     TEXT NOT NULL,
  config_json    TEXT NOT NULL CHECK (json_valid(config_json)),
  versions_json  TEXT NOT NULL CHECK (json_valid(versions_json)),
  data_hash      TEXT NOT NULL,
  started_ms     INTEGER NOT NULL,
  finished_ms    INTEGER
) STRICT;
CREATE INDEX runs_by_start ON runs(started_ms);

CREATE TABLE run_models(
  run_id    INTEGER NOT NULL REFERENCES runs(id),
  role      TEXT NOT NULL CHECK (role IN ('initial', 'reference', 'reward', 'critic', 'output')),
  model_id  INTEGER NOT NULL REFERENCES models(id),
  PRIMARY KEY (run_id, role, model_id)
) WITHOUT ROWID, STRICT;
CREATE INDEX run_models_by_model ON run_models(model_id, role);

CREATE TABLE run_data(                            -- what a run trained on: enough to rebuild it, and its hash
  run_id              INTEGER NOT NULL REFERENCES runs(id),
  kind                TEXT NOT NULL CHECK (kind IN ('rankings', 'demonstrations', 'prompts')),
  split               TEXT NOT NULL,
  filter_json         TEXT NOT NULL CHECK (json_valid(filter_json)),  -- campaigns, sources
  through_tick        INTEGER NOT NULL,           -- rankings: labels that counted at this tick of the clock
  through_row         INTEGER NOT NULL,           -- prompts, demonstrations: highest id there was
  records             INTEGER NOT NULL,
  sha256              TEXT NOT NULL,
  PRIMARY KEY (run_id, kind, split)
) WITHOUT ROWID, STRICT;

CREATE TABLE metric_names(
  id    INTEGER PRIMARY KEY,
  name  TEXT NOT NULL UNIQUE
) STRICT;

CREATE TABLE metrics(
  run_id   INTEGER NOT NULL REFERENCES runs(id),
  name_id  INTEGER NOT NULL REFERENCES metric_names(id),
  step     INTEGER NOT NULL,
  value    REAL,                                  -- NULL: not a number
  PRIMARY KEY (run_id, name_id, step)
) WITHOUT ROWID, STRICT;

CREATE TABLE samples(
  id        INTEGER PRIMARY KEY,
  run_id    INTEGER NOT NULL REFERENCES runs(id),
  step      INTEGER NOT NULL,
  prompt    TEXT NOT NULL,
  response  TEXT NOT NULL,
  score     REAL
) STRICT;
CREATE INDEX samples_by_step ON samples(run_id, step);

CREATE TABLE trajectories(
  id              INTEGER PRIMARY KEY,
  run_id          INTEGER NOT NULL REFERENCES runs(id),
  step            INTEGER NOT NULL,               -- PPO iteration that learned from it
  iteration       INTEGER NOT NULL,               -- PPO iteration that asked for it
  prompt_slot     INTEGER NOT NULL,
  sample_index    INTEGER NOT NULL,
  prompt_index    INTEGER NOT NULL,
  prompt_id       INTEGER REFERENCES prompts(id), -- where the ledger has the very prompt
  prompt_text     TEXT NOT NULL,
  response_text   TEXT NOT NULL,
  tokens          INTEGER NOT NULL,               -- R, response tokens
  finish_reason   TEXT NOT NULL CHECK (finish_reason IN ('stop', 'length')),
  raw_score       REAL,
  score           REAL,
  score_spread    REAL,
  kl              REAL,                           -- sum over the response
  beta            REAL,
  policy_version  INTEGER NOT NULL,
  policy_hash     TEXT,
  UNIQUE (run_id, step, prompt_slot, sample_index)
) STRICT;
CREATE INDEX trajectories_by_prompt ON trajectories(prompt_id) WHERE prompt_id IS NOT NULL;
CREATE INDEX trajectories_by_score ON trajectories(run_id, step, score);

CREATE TABLE trajectory_tokens(                   -- little-endian int32 and float32, one entry per token
  trajectory_id       INTEGER PRIMARY KEY REFERENCES trajectories(id) ON DELETE CASCADE,
  prompt_ids          BLOB NOT NULL,
  response_ids        BLOB NOT NULL,
  sampling_logprobs   BLOB NOT NULL,              -- as the sampler reported them
  policy_logprobs     BLOB NOT NULL,
  reference_logprobs  BLOB NOT NULL,
  rewards             BLOB NOT NULL,
  "values"            BLOB NOT NULL,
  advantages          BLOB NOT NULL
) STRICT;

-- Nothing anyone said is deleted or changed after it was submitted ----------------------------------------------------

CREATE TRIGGER annotations_are_kept BEFORE DELETE ON annotations
BEGIN SELECT RAISE(ABORT, 'annotations are superseded, never deleted'); END;

CREATE TRIGGER annotations_are_final BEFORE UPDATE ON annotations
WHEN OLD.status <> 'draft' AND NOT (NEW.status = 'superseded' AND OLD.status <> 'superseded'
  AND NEW.prompt_id IS OLD.prompt_id AND NEW.task_id IS OLD.task_id AND NEW.annotator_id IS OLD.annotator_id
  AND NEW.submitted_ms IS OLD.submitted_ms AND NEW.note IS OLD.note AND NEW.confidence IS OLD.confidence
  AND NEW.margin IS OLD.margin)
BEGIN SELECT RAISE(ABORT, 'a finished annotation can only be superseded'); END;

CREATE TRIGGER ranks_are_kept BEFORE DELETE ON ranks
BEGIN SELECT RAISE(ABORT, 'ranks are superseded, never deleted'); END;

CREATE TRIGGER ranks_are_final BEFORE UPDATE ON ranks
WHEN (SELECT status FROM annotations WHERE id = OLD.annotation_id) <> 'draft'
BEGIN SELECT RAISE(ABORT, 'the ranks of a finished annotation do not change'); END;

CREATE TRIGGER ratings_are_kept BEFORE DELETE ON ratings
WHEN (SELECT status FROM annotations WHERE id = OLD.annotation_id) <> 'draft'
BEGIN SELECT RAISE(ABORT, 'ratings are superseded, never deleted'); END;

CREATE TRIGGER ratings_are_final BEFORE UPDATE ON ratings
WHEN (SELECT status FROM annotations WHERE id = OLD.annotation_id) <> 'draft'
BEGIN SELECT RAISE(ABORT, 'the ratings of a finished annotation do not change'); END;
