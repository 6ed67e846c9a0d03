CREATE TABLE users (
    id INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL,
    email TEXT NOT NULL,
    -- The address in lower case (Unicode, by the program): SQLite's NOCASE knows ASCII only.
    email_key TEXT NOT NULL UNIQUE,
    age INTEGER NOT NULL CHECK (age >= 0),
    name TEXT,
    bio TEXT,
    is_active BOOLEAN NOT NULL DEFAULT TRUE CHECK (is_active IN (FALSE, TRUE)),
    additional_data TEXT,
    version BIGINT NOT NULL DEFAULT 1 CHECK (version >= 1),
    -- FALSE while the user's user_created job is still owed: the reconciler looks for these.
    job_enqueued BOOLEAN NOT NULL DEFAULT TRUE CHECK (job_enqueued IN (FALSE, TRUE)),
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL
);

CREATE INDEX users_without_job ON users (id) WHERE job_enqueued = FALSE;

CREATE TABLE user_profiles (
    user_id INTEGER PRIMARY KEY NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    hobby TEXT,
    location TEXT,
    score DOUBLE,
    other TEXT,
    initialised_at BIGINT NOT NULL
);

CREATE TABLE signup_stats (
    -- Days since 1970-01-01, UTC.
    day INTEGER PRIMARY KEY NOT NULL,
    users BIGINT NOT NULL CHECK (users >= 0)
);
