-- Schema version 2: how many samples of a prompt were drawn with which settings. Equal texts are kept once, so the
-- responses cannot tell.

CREATE TABLE draws(
  prompt_id    INTEGER NOT NULL REFERENCES prompts(id),
  model_id     INTEGER NOT NULL REFERENCES models(id),
  sampling_id  INTEGER NOT NULL REFERENCES sampling(id),
  seed         INTEGER NOT NULL,
  samples      INTEGER NOT NULL CHECK (samples >= 1),  -- those with sample_index 0 .. samples - 1
  PRIMARY KEY (prompt_id, model_id, sampling_id, seed)
) WITHOUT ROWID, STRICT;

INSERT INTO draws
SELECT prompt_id, model_id, sampling_id, seed, MAX(sample_index) + 1 FROM responses
WHERE model_id IS NOT NULL AND sampling_id IS NOT NULL AND seed IS NOT NULL AND sample_index IS NOT NULL
GROUP BY prompt_id, model_id, sampling_id, seed;
