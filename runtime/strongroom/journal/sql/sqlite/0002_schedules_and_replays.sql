-- What a run was started by and for: its schedule, deployment, the run that it replays; which process works on it, and
-- what its blocks were when it asked for them by their bare names; and where and why a task ran.

ALTER TABLE flow_runs ADD COLUMN expected_start REAL;
ALTER TABLE flow_runs ADD COLUMN deployment TEXT NOT NULL DEFAULT '';
ALTER TABLE flow_runs ADD COLUMN replay_of BLOB;
ALTER TABLE flow_runs ADD COLUMN idempotency_key TEXT NOT NULL DEFAULT '';
ALTER TABLE flow_runs ADD COLUMN process TEXT NOT NULL DEFAULT '';
ALTER TABLE flow_runs ADD COLUMN pins TEXT NOT NULL DEFAULT '{}';
ALTER TABLE task_runs ADD COLUMN explanation TEXT NOT NULL DEFAULT '';
ALTER TABLE task_runs ADD COLUMN worker TEXT NOT NULL DEFAULT '';
