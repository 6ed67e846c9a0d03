-- What an enqueuer may say about a job, what holds a job back, and what it belongs to.
ALTER TABLE job_queue ADD COLUMN expires_at BIGINT;
-- JSON array of strings.
ALTER TABLE job_queue ADD COLUMN tags TEXT;
-- JSON object.
ALTER TABLE job_queue ADD COLUMN metadata TEXT;
ALTER TABLE job_queue ADD COLUMN unique_key TEXT;
ALTER TABLE job_queue ADD COLUMN unique_scope TEXT CHECK (unique_scope = 'while_queued'
    OR unique_scope = 'until_started' OR unique_scope = 'until_finished' OR unique_scope = 'for_period');
ALTER TABLE job_queue ADD COLUMN concurrency_key TEXT;
-- The gate that a due job waits at: it is not among the claimable ones until the gate opens.
ALTER TABLE job_queue ADD COLUMN held_by TEXT;
ALTER TABLE job_queue ADD COLUMN group_id BIGINT;
-- Jobs that must complete before.
ALTER TABLE job_queue ADD COLUMN blocked_by INTEGER NOT NULL DEFAULT 0 CHECK (blocked_by >= 0);
-- Whether job_dependencies has rows that wait for this job.
ALTER TABLE job_queue ADD COLUMN has_dependents BOOLEAN NOT NULL DEFAULT FALSE CHECK (has_dependents IN (FALSE, TRUE));
-- JSON objects.
ALTER TABLE job_queue ADD COLUMN progress TEXT;
ALTER TABLE job_queue ADD COLUMN checkpoint TEXT;

DROP INDEX job_queue_pending;
DROP INDEX job_queue_waiting;
-- Claimable jobs in the order of their claims. What waits or is held is not in it, however much it is.
CREATE INDEX job_queue_pending ON job_queue (queue, rank, id) WHERE status = 'pending' AND held_by IS NULL;
-- Due jobs at a closed gate, in the order in which it lets them through.
CREATE INDEX job_queue_held ON job_queue (held_by, rank, id) WHERE status = 'pending' AND held_by IS NOT NULL;
-- Waiting jobs by the time they become due.
CREATE INDEX job_queue_waiting ON job_queue (scheduled_at)
    WHERE status IN ('scheduled', 'retry_pending') AND blocked_by = 0;
-- Waiting jobs that nobody wants any more after a time.
CREATE INDEX job_queue_expiring ON job_queue (expires_at)
    WHERE expires_at IS NOT NULL AND status IN ('scheduled', 'pending', 'retry_pending');
-- Running jobs that share a limit by key.
CREATE INDEX job_queue_keyed ON job_queue (concurrency_key)
    WHERE status = 'processing' AND concurrency_key IS NOT NULL;
CREATE INDEX job_queue_group ON job_queue (group_id, id) WHERE group_id IS NOT NULL;

-- What runs wrote down: JSON array of [at, message]. Of the running one too.
CREATE TABLE job_logs (
    job_id INTEGER NOT NULL REFERENCES job_queue (id) ON DELETE CASCADE,
    number INTEGER NOT NULL CHECK (number >= 1),
    lines TEXT NOT NULL,
    PRIMARY KEY (job_id, number)
) WITHOUT ROWID;

-- Who holds a unique key. The primary key is what makes it unique.
CREATE TABLE unique_locks (
    unique_key TEXT PRIMARY KEY NOT NULL,
    job_id BIGINT NOT NULL,
    -- Ends by itself then; NULL: with its job.
    until BIGINT
) WITHOUT ROWID;
CREATE INDEX unique_locks_until ON unique_locks (until) WHERE until IS NOT NULL;

-- Answers to requests that named an Idempotency-Key, stored with what the request did.
CREATE TABLE idempotency_keys (
    -- Operation, caller and the caller's key.
    idempotency_key TEXT PRIMARY KEY NOT NULL,
    request_digest TEXT NOT NULL,
    status INTEGER NOT NULL,
    -- JSON object.
    headers TEXT NOT NULL,
    body TEXT NOT NULL,
    created_at BIGINT NOT NULL
) WITHOUT ROWID;
CREATE INDEX idempotency_keys_created ON idempotency_keys (created_at);

-- What an operator ordered for a queue or a job type. NULL: as declared.
CREATE TABLE controls (
    kind TEXT NOT NULL CHECK (kind IN ('queue', 'job_type')),
    name TEXT NOT NULL,
    paused BOOLEAN NOT NULL DEFAULT FALSE CHECK (paused IN (FALSE, TRUE)),
    reason TEXT,
    paused_by TEXT,
    paused_at BIGINT,
    concurrency INTEGER CHECK (concurrency >= 0),
    rate_limit INTEGER CHECK (rate_limit >= 1),
    rate_period_ms BIGINT CHECK (rate_period_ms >= 1),
    -- Jobs that may wait in a queue.
    max_depth BIGINT CHECK (max_depth >= 0),
    updated_at BIGINT NOT NULL,
    PRIMARY KEY (kind, name),
    CHECK ((rate_limit IS NULL) = (rate_period_ms IS NULL))
) WITHOUT ROWID;

-- Token buckets of rate limits. One that is full has no row.
CREATE TABLE rate_buckets (
    gate TEXT PRIMARY KEY NOT NULL,
    tokens DOUBLE NOT NULL,
    updated_at BIGINT NOT NULL,
    -- When a held job may pass; NULL: none is held.
    ready_at BIGINT
) WITHOUT ROWID;
CREATE INDEX rate_buckets_ready ON rate_buckets (ready_at) WHERE ready_at IS NOT NULL;

CREATE TABLE job_groups (
    id INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL,
    name TEXT,
    -- Jobs by how they stand; what is in none of the last three has not ended.
    total BIGINT NOT NULL,
    completed BIGINT NOT NULL DEFAULT 0,
    failed BIGINT NOT NULL DEFAULT 0,
    cancelled BIGINT NOT NULL DEFAULT 0,
    -- The job to enqueue when all have ended, as JSON.
    callback TEXT,
    callback_job_id BIGINT,
    created_at BIGINT NOT NULL,
    completed_at BIGINT,
    CHECK (completed + failed + cancelled <= total)
);

-- job_id waits for parent_id.
CREATE TABLE job_dependencies (
    parent_id BIGINT NOT NULL,
    job_id BIGINT NOT NULL,
    PRIMARY KEY (parent_id, job_id)
) WITHOUT ROWID;
CREATE INDEX job_dependencies_job ON job_dependencies (job_id);

CREATE TABLE schedules (
    id INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL,
    name TEXT NOT NULL UNIQUE,
    job_type TEXT NOT NULL,
    payload TEXT NOT NULL,
    schema_fingerprint TEXT NOT NULL,
    -- Enqueue options, JSON object.
    options TEXT NOT NULL DEFAULT '{}',
    -- One of the two.
    cron TEXT,
    every_ms BIGINT CHECK (every_ms >= 1000),
    timezone TEXT NOT NULL DEFAULT 'UTC',
    misfire TEXT NOT NULL DEFAULT 'once' CHECK (misfire IN ('skip', 'once', 'all')),
    -- Most missed ticks that 'all' enqueues.
    misfire_limit INTEGER NOT NULL DEFAULT 100 CHECK (misfire_limit >= 1),
    paused BOOLEAN NOT NULL DEFAULT FALSE CHECK (paused IN (FALSE, TRUE)),
    reason TEXT,
    -- The next tick; NULL: there is none any more.
    next_at BIGINT,
    version BIGINT NOT NULL DEFAULT 1,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL,
    CHECK ((cron IS NULL) <> (every_ms IS NULL))
);
CREATE INDEX schedules_due ON schedules (next_at) WHERE paused = FALSE AND next_at IS NOT NULL;

-- Each tick at most once, however many processes look.
CREATE TABLE schedule_runs (
    schedule_id BIGINT NOT NULL REFERENCES schedules (id) ON DELETE CASCADE,
    tick BIGINT NOT NULL,
    outcome TEXT NOT NULL CHECK (outcome IN ('enqueued', 'existing', 'manual', 'skipped', 'refused')),
    job_id BIGINT,
    -- Why nothing was enqueued.
    detail TEXT,
    ran_at BIGINT NOT NULL,
    PRIMARY KEY (schedule_id, tick)
) WITHOUT ROWID;

-- What happened to jobs: a row per commit, with its transitions (src/store/sqlite/ledger.rs).
CREATE TABLE job_events (
    id INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL,
    at BIGINT NOT NULL,
    transitions TEXT NOT NULL
);

-- Processes that run jobs, as long as they say so.
CREATE TABLE workers (
    worker TEXT PRIMARY KEY NOT NULL,
    -- JSON: queues, job types with the fingerprints that it reads.
    queues TEXT NOT NULL,
    job_types TEXT NOT NULL,
    slots INTEGER NOT NULL,
    version TEXT NOT NULL,
    started_at BIGINT NOT NULL,
    seen_at BIGINT NOT NULL
) WITHOUT ROWID;
