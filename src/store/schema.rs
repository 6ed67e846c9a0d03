//! Owns the tables' columns, for Diesel. `tests/it/store` checks them against the migrations. What only whole statements
//! name (`lease_token`, `lease_until`, `has_dependents`) is left out: Diesel's tables have 32 columns at most.

diesel::table! {
    use diesel::sql_types::*;
    use crate::store::types::*;

    users (id) {
        id -> BigInt,
        email -> Text,
        email_key -> Text,
        age -> Integer,
        name -> Nullable<Text>,
        bio -> Nullable<Text>,
        is_active -> Bool,
        additional_data -> Nullable<Document>,
        version -> BigInt,
        job_enqueued -> Bool,
        created_at -> Moment,
        updated_at -> Moment,
    }
}

diesel::table! {
    use diesel::sql_types::*;
    use crate::store::types::*;

    user_profiles (user_id) {
        user_id -> BigInt,
        hobby -> Nullable<Text>,
        location -> Nullable<Text>,
        score -> Nullable<Double>,
        other -> Nullable<Document>,
        initialised_at -> Moment,
    }
}

diesel::table! {
    use diesel::sql_types::*;
    use crate::store::types::*;

    signup_stats (day) {
        day -> BigInt,
        users -> BigInt,
    }
}

diesel::table! {
    use diesel::sql_types::*;
    use crate::store::types::*;

    job_queue (id) {
        id -> BigInt,
        job_type -> Text,
        queue -> Text,
        payload -> Document,
        status -> Text,
        priority -> Integer,
        rank -> BigInt,
        max_retries -> Integer,
        retry_count -> Integer,
        attempt -> Integer,
        lease_losses -> Integer,
        timeout_ms -> BigInt,
        cancel_requested -> Bool,
        error_message -> Nullable<Text>,
        result -> Nullable<RawJson>,
        schema_fingerprint -> Text,
        worker -> Nullable<Text>,
        scheduled_at -> Moment,
        started_at -> Nullable<Moment>,
        completed_at -> Nullable<Moment>,
        created_at -> Moment,
        expires_at -> Nullable<Moment>,
        tags -> Nullable<Document>,
        metadata -> Nullable<Document>,
        unique_key -> Nullable<Text>,
        unique_scope -> Nullable<Text>,
        concurrency_key -> Nullable<Text>,
        held_by -> Nullable<Text>,
        group_id -> Nullable<BigInt>,
        blocked_by -> Integer,
        progress -> Nullable<RawJson>,
        checkpoint -> Nullable<RawJson>,
    }
}

diesel::table! {
    use diesel::sql_types::*;
    use crate::store::types::*;

    job_attempts (job_id, number) {
        job_id -> BigInt,
        number -> Integer,
        worker -> Text,
        started_at -> Moment,
        finished_at -> Moment,
        outcome -> Text,
        error -> Nullable<Text>,
    }
}

diesel::table! {
    use diesel::sql_types::*;
    use crate::store::types::*;

    job_counts (queue, job_type, status) {
        queue -> Text,
        job_type -> Text,
        status -> Text,
        count -> BigInt,
    }
}

diesel::table! {
    use diesel::sql_types::*;
    use crate::store::types::*;

    job_logs (job_id, number) {
        job_id -> BigInt,
        number -> Integer,
        lines -> Text,
    }
}

diesel::table! {
    use diesel::sql_types::*;
    use crate::store::types::*;

    unique_locks (unique_key) {
        unique_key -> Text,
        job_id -> BigInt,
        until -> Nullable<Moment>,
    }
}

diesel::table! {
    use diesel::sql_types::*;
    use crate::store::types::*;

    idempotency_keys (idempotency_key) {
        idempotency_key -> Text,
        request_digest -> Text,
        status -> Integer,
        headers -> Document,
        body -> Text,
        created_at -> Moment,
    }
}

diesel::table! {
    use diesel::sql_types::*;
    use crate::store::types::*;

    controls (kind, name) {
        kind -> Text,
        name -> Text,
        paused -> Bool,
        reason -> Nullable<Text>,
        paused_by -> Nullable<Text>,
        paused_at -> Nullable<Moment>,
        concurrency -> Nullable<Integer>,
        rate_limit -> Nullable<Integer>,
        rate_period_ms -> Nullable<BigInt>,
        max_depth -> Nullable<BigInt>,
        updated_at -> Moment,
    }
}

diesel::table! {
    use diesel::sql_types::*;
    use crate::store::types::*;

    rate_buckets (gate) {
        gate -> Text,
        tokens -> Double,
        updated_at -> Moment,
        ready_at -> Nullable<Moment>,
    }
}

diesel::table! {
    use diesel::sql_types::*;
    use crate::store::types::*;

    job_groups (id) {
        id -> BigInt,
        name -> Nullable<Text>,
        total -> BigInt,
        completed -> BigInt,
        failed -> BigInt,
        cancelled -> BigInt,
        callback -> Nullable<Document>,
        callback_job_id -> Nullable<BigInt>,
        created_at -> Moment,
        completed_at -> Nullable<Moment>,
    }
}

diesel::table! {
    use diesel::sql_types::*;
    use crate::store::types::*;

    job_dependencies (parent_id, job_id) {
        parent_id -> BigInt,
        job_id -> BigInt,
    }
}

diesel::table! {
    use diesel::sql_types::*;
    use crate::store::types::*;

    schedules (id) {
        id -> BigInt,
        name -> Text,
        job_type -> Text,
        payload -> Document,
        schema_fingerprint -> Text,
        options -> Document,
        cron -> Nullable<Text>,
        every_ms -> Nullable<BigInt>,
        timezone -> Text,
        misfire -> Text,
        misfire_limit -> Integer,
        paused -> Bool,
        reason -> Nullable<Text>,
        next_at -> Nullable<Moment>,
        version -> BigInt,
        created_at -> Moment,
        updated_at -> Moment,
    }
}

diesel::table! {
    use diesel::sql_types::*;
    use crate::store::types::*;

    schedule_runs (schedule_id, tick) {
        schedule_id -> BigInt,
        tick -> Moment,
        outcome -> Text,
        job_id -> Nullable<BigInt>,
        detail -> Nullable<Text>,
        ran_at -> Moment,
    }
}

diesel::table! {
    use diesel::sql_types::*;
    use crate::store::types::*;

    job_events (id) {
        id -> BigInt,
        at -> Moment,
        transitions -> RawJson,
    }
}

diesel::table! {
    use diesel::sql_types::*;
    use crate::store::types::*;

    workers (worker) {
        worker -> Text,
        queues -> Document,
        job_types -> Document,
        slots -> Integer,
        version -> Text,
        started_at -> Moment,
        seen_at -> Moment,
    }
}
