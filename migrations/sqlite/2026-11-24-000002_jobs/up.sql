-- Checks of rows that are written often name their values with OR: for a list, SQLite builds a table each time
-- that it checks a row.
CREATE TABLE job_queue (
    id INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL,
    job_type TEXT NOT NULL,
    queue TEXT NOT NULL,
    payload TEXT NOT NULL,
    status TEXT NOT NULL CHECK (status = 'scheduled' OR status = 'pending' OR status = 'processing'
        OR status = 'retry_pending' OR status = 'completed' OR status = 'failed' OR status = 'cancelled'),
    priority INTEGER NOT NULL DEFAULT 0,
    -- Order of the claims, lowest first: scheduled_at less what the priority is worth.
    rank BIGINT NOT NULL,
    max_retries INTEGER NOT NULL DEFAULT 3 CHECK (max_retries >= 0),
    retry_count INTEGER NOT NULL DEFAULT 0 CHECK (retry_count >= 0),
    attempt INTEGER NOT NULL DEFAULT 0 CHECK (attempt >= 0),
    lease_losses INTEGER NOT NULL DEFAULT 0 CHECK (lease_losses >= 0),
    timeout_ms BIGINT NOT NULL CHECK (timeout_ms > 0),
    cancel_requested BOOLEAN NOT NULL DEFAULT FALSE CHECK (cancel_requested IN (FALSE, TRUE)),
    error_message TEXT,
    result TEXT,
    schema_fingerprint TEXT NOT NULL,
    worker TEXT,
    lease_token BIGINT,
    lease_until BIGINT,
    scheduled_at BIGINT NOT NULL,
    started_at BIGINT,
    completed_at BIGINT,
    created_at BIGINT NOT NULL,
    CHECK ((status = 'processing') = (lease_token IS NOT NULL)),
    CHECK ((status = 'processing') = (lease_until IS NOT NULL)),
    CHECK ((status = 'completed' OR status = 'failed' OR status = 'cancelled') = (completed_at IS NOT NULL))
);

-- Due jobs in the order of their claims. Waiting jobs are not in it, however many there are.
CREATE INDEX job_queue_pending ON job_queue (queue, rank, id) WHERE status = 'pending';
-- Waiting jobs by the time they become due.
CREATE INDEX job_queue_waiting ON job_queue (scheduled_at) WHERE status IN ('scheduled', 'retry_pending');
-- Running jobs by the end of their lease.
CREATE INDEX job_queue_leases ON job_queue (lease_until) WHERE status = 'processing';
-- The dead letter, newest first.
CREATE INDEX job_queue_failed ON job_queue (id) WHERE status = 'failed';

-- Runs that have ended. The running one is in the job's own row.
CREATE TABLE job_attempts (
    job_id INTEGER NOT NULL REFERENCES job_queue (id) ON DELETE CASCADE,
    number INTEGER NOT NULL CHECK (number >= 1),
    worker TEXT NOT NULL,
    started_at BIGINT NOT NULL,
    finished_at BIGINT NOT NULL,
    outcome TEXT NOT NULL CHECK (outcome = 'completed' OR outcome = 'failed' OR outcome = 'timed_out'
        OR outcome = 'panicked' OR outcome = 'released' OR outcome = 'snoozed' OR outcome = 'cancelled'
        OR outcome = 'lost'),
    error TEXT,
    PRIMARY KEY (job_id, number)
) WITHOUT ROWID;

-- How many jobs are in each state, kept with every transition.
CREATE TABLE job_counts (
    queue TEXT NOT NULL,
    job_type TEXT NOT NULL,
    status TEXT NOT NULL,
    count BIGINT NOT NULL,
    PRIMARY KEY (queue, job_type, status)
) WITHOUT ROWID;
