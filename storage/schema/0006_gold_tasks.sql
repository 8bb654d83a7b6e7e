-- Schema version 6: the tasks of a campaign whose answer is known are found by an index, as each annotator is
-- given all of them.

CREATE INDEX tasks_gold ON tasks(campaign_id, priority DESC, id) WHERE gold_json IS NOT NULL;
