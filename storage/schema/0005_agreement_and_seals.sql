-- Schema version 5: agreement between people, a seal on every answer, and data sets found by name.

-- SHA-256 over what a finished annotation says, its ranks and ratings (storage/annotation_seal.h): rows of which
-- nothing else keeps a hash. NULL: finished before there were seals.
ALTER TABLE annotations ADD COLUMN seal BLOB;

-- Two people of a campaign, over the pairs of responses that both told apart: those they ordered alike.
CREATE VIEW agreement AS
SELECT t.campaign_id, x.annotator_id AS a_id, y.annotator_id AS b_id, COUNT(DISTINCT t.id) AS tasks, COUNT(*) AS pairs,
       SUM((xv.rank < xw.rank) = (yv.rank < yw.rank)) AS agreed,
       AVG((xv.rank < xw.rank) = (yv.rank < yw.rank)) AS share
FROM tasks t
JOIN annotations x ON x.task_id = t.id AND x.status = 'submitted'
JOIN annotations y ON y.task_id = t.id AND y.status = 'submitted' AND x.annotator_id < y.annotator_id
JOIN ranks xv ON xv.annotation_id = x.id
JOIN ranks xw ON xw.annotation_id = x.id AND xv.response_id < xw.response_id AND xv.rank <> xw.rank
JOIN ranks yv ON yv.annotation_id = y.id AND yv.response_id = xv.response_id
JOIN ranks yw ON yw.annotation_id = y.id AND yw.response_id = xw.response_id AND yv.rank <> yw.rank
GROUP BY t.campaign_id, x.annotator_id, y.annotator_id;

-- One data set's records of a split, without reading the others'.
DROP INDEX prompts_by_split;
CREATE INDEX prompts_by_split ON prompts(split, source);
DROP INDEX demonstrations_by_split;
CREATE INDEX demonstrations_by_split ON demonstrations(split, source);

-- As before, and what came since version 1 does not change either.
DROP TRIGGER annotations_are_final;
CREATE TRIGGER annotations_are_final BEFORE UPDATE ON annotations
WHEN OLD.status <> 'draft' AND NOT (NEW.status = 'superseded' AND OLD.status <> 'superseded'
  AND NEW.id IS OLD.id AND NEW.import_key IS OLD.import_key AND NEW.prompt_id IS OLD.prompt_id
  AND NEW.task_id IS OLD.task_id AND NEW.annotator_id IS OLD.annotator_id AND NEW.import_id IS OLD.import_id
  AND NEW.submitted_ms IS OLD.submitted_ms AND NEW.submitted_tick IS OLD.submitted_tick
  AND NEW.note IS OLD.note AND NEW.confidence IS OLD.confidence AND NEW.margin IS OLD.margin
  AND NEW.source_id IS OLD.source_id AND NEW.supersedes IS OLD.supersedes AND NEW.seal IS OLD.seal)
BEGIN SELECT RAISE(ABORT, 'a finished annotation can only be superseded'); END;

-- The tasks of a campaign whose answer is known, as each annotator is given all of them.
CREATE INDEX tasks_gold ON tasks(campaign_id, priority DESC, id) WHERE gold_json IS NOT NULL;
