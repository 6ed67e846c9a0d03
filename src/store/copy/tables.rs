//! Owns the list of what is copied: tables in the order of what they refer to, and what kind of value each column has.
//! `tests/it/postgres/copy.rs` checks that no column is left out.
//! Must not know: engines.

/// What a value is on both sides.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Text or a whole number.
    Plain,
    Real,
    /// Microseconds there, `timestamptz` here.
    Moment,
    /// 0 or 1 there, `boolean` here.
    Bool,
    /// Text there, `jsonb` here: the values stay, spaces and the order of keys do not.
    Document,
}

/// A table and its columns.
#[derive(Debug)]
pub struct Table {
    pub name: &'static str,
    pub columns: &'static [(&'static str, Kind)],
    /// A column that only the target has, and its value.
    pub only_there: Option<(&'static str, &'static str)>,
    /// Whether its `id` comes from a sequence.
    pub numbered: bool,
}

use Kind::{Bool, Document, Moment, Plain, Real};

const fn table(name: &'static str, columns: &'static [(&'static str, Kind)]) -> Table {
    Table {
        name,
        columns,
        only_there: None,
        numbered: false,
    }
}

const fn numbered(name: &'static str, columns: &'static [(&'static str, Kind)]) -> Table {
    Table {
        numbered: true,
        ..table(name, columns)
    }
}

/// All that is copied.
pub static TABLES: &[Table] = &[
    numbered(
        "users",
        &[
            ("id", Plain),
            ("email", Plain),
            ("email_key", Plain),
            ("age", Plain),
            ("name", Plain),
            ("bio", Plain),
            ("is_active", Bool),
            ("additional_data", Document),
            ("version", Plain),
            ("job_enqueued", Bool),
            ("created_at", Moment),
            ("updated_at", Moment),
        ],
    ),
    table(
        "user_profiles",
        &[
            ("user_id", Plain),
            ("hobby", Plain),
            ("location", Plain),
            ("score", Real),
            ("other", Document),
            ("initialised_at", Moment),
        ],
    ),
    table("signup_stats", &[("day", Plain), ("users", Plain)]),
    numbered(
        "job_queue",
        &[
            ("id", Plain),
            ("job_type", Plain),
            ("queue", Plain),
            ("payload", Document),
            ("status", Plain),
            ("priority", Plain),
            ("rank", Plain),
            ("max_retries", Plain),
            ("retry_count", Plain),
            ("attempt", Plain),
            ("lease_losses", Plain),
            ("timeout_ms", Plain),
            ("cancel_requested", Bool),
            ("error_message", Plain),
            ("result", Plain),
            ("schema_fingerprint", Plain),
            ("worker", Plain),
            ("lease_token", Plain),
            ("lease_until", Moment),
            ("scheduled_at", Moment),
            ("started_at", Moment),
            ("completed_at", Moment),
            ("created_at", Moment),
            ("expires_at", Moment),
            ("tags", Document),
            ("metadata", Document),
            ("unique_key", Plain),
            ("unique_scope", Plain),
            ("concurrency_key", Plain),
            ("held_by", Plain),
            ("group_id", Plain),
            ("blocked_by", Plain),
            ("has_dependents", Bool),
            ("progress", Plain),
            ("checkpoint", Plain),
        ],
    ),
    table(
        "job_attempts",
        &[
            ("job_id", Plain),
            ("number", Plain),
            ("worker", Plain),
            ("started_at", Moment),
            ("finished_at", Moment),
            ("outcome", Plain),
            ("error", Plain),
        ],
    ),
    Table {
        only_there: Some(("stripe", "0")),
        ..table(
            "job_counts",
            &[
                ("queue", Plain),
                ("job_type", Plain),
                ("status", Plain),
                ("count", Plain),
            ],
        )
    },
    table(
        "job_logs",
        &[("job_id", Plain), ("number", Plain), ("lines", Plain)],
    ),
    table(
        "unique_locks",
        &[("unique_key", Plain), ("job_id", Plain), ("until", Moment)],
    ),
    table(
        "idempotency_keys",
        &[
            ("idempotency_key", Plain),
            ("request_digest", Plain),
            ("status", Plain),
            ("headers", Document),
            ("body", Plain),
            ("created_at", Moment),
        ],
    ),
    table(
        "controls",
        &[
            ("kind", Plain),
            ("name", Plain),
            ("paused", Bool),
            ("reason", Plain),
            ("paused_by", Plain),
            ("paused_at", Moment),
            ("concurrency", Plain),
            ("rate_limit", Plain),
            ("rate_period_ms", Plain),
            ("max_depth", Plain),
            ("updated_at", Moment),
        ],
    ),
    table(
        "rate_buckets",
        &[
            ("gate", Plain),
            ("tokens", Real),
            ("updated_at", Moment),
            ("ready_at", Moment),
        ],
    ),
    numbered(
        "job_groups",
        &[
            ("id", Plain),
            ("name", Plain),
            ("total", Plain),
            ("completed", Plain),
            ("failed", Plain),
            ("cancelled", Plain),
            ("callback", Document),
            ("callback_job_id", Plain),
            ("created_at", Moment),
            ("completed_at", Moment),
        ],
    ),
    table(
        "job_dependencies",
        &[("parent_id", Plain), ("job_id", Plain)],
    ),
    numbered(
        "schedules",
        &[
            ("id", Plain),
            ("name", Plain),
            ("job_type", Plain),
            ("payload", Document),
            ("schema_fingerprint", Plain),
            ("options", Document),
            ("cron", Plain),
            ("every_ms", Plain),
            ("timezone", Plain),
            ("misfire", Plain),
            ("misfire_limit", Plain),
            ("paused", Bool),
            ("reason", Plain),
            ("next_at", Moment),
            ("version", Plain),
            ("created_at", Moment),
            ("updated_at", Moment),
        ],
    ),
    table(
        "schedule_runs",
        &[
            ("schedule_id", Plain),
            ("tick", Moment),
            ("outcome", Plain),
            ("job_id", Plain),
            ("detail", Plain),
            ("ran_at", Moment),
        ],
    ),
];
