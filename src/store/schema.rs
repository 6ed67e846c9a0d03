//! Owns the tables' columns, for Diesel. `tests/it/store` checks them against the migrations. What only whole statements
//! name (`lease_token`, `lease_until`, `has_dependents`) is left out: Diesel's tables have 32 columns at most.

diesel::table! {
    users (id) {
        id -> BigInt,
        email -> Text,
        email_key -> Text,
        age -> Integer,
        name -> Nullable<Text>,
        bio -> Nullable<Text>,
        is_active -> Bool,
        additional_data -> Nullable<Text>,
        version -> BigInt,
        job_enqueued -> Bool,
        created_at -> BigInt,
        updated_at -> BigInt,
    }
}

diesel::table! {
    user_profiles (user_id) {
        user_id -> BigInt,
        hobby -> Nullable<Text>,
        location -> Nullable<Text>,
        score -> Nullable<Double>,
        other -> Nullable<Text>,
        initialised_at -> BigInt,
    }
}

diesel::table! {
    signup_stats (day) {
        day -> BigInt,
        users -> BigInt,
    }
}

diesel::table! {
    job_queue (id) {
        id -> BigInt,
        job_type -> Text,
        queue -> Text,
        payload -> Text,
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
        result -> Nullable<Text>,
        schema_fingerprint -> Text,
        worker -> Nullable<Text>,
        scheduled_at -> BigInt,
        started_at -> Nullable<BigInt>,
        completed_at -> Nullable<BigInt>,
        created_at -> BigInt,
        expires_at -> Nullable<BigInt>,
        tags -> Nullable<Text>,
        metadata -> Nullable<Text>,
        unique_key -> Nullable<Text>,
        unique_scope -> Nullable<Text>,
        concurrency_key -> Nullable<Text>,
        held_by -> Nullable<Text>,
        group_id -> Nullable<BigInt>,
        blocked_by -> Integer,
        progress -> Nullable<Text>,
        checkpoint -> Nullable<Text>,
    }
}

diesel::table! {
    job_attempts (job_id, number) {
        job_id -> BigInt,
        number -> Integer,
        worker -> Text,
        started_at -> BigInt,
        finished_at -> BigInt,
        outcome -> Text,
        error -> Nullable<Text>,
    }
}

diesel::table! {
    job_counts (queue, job_type, status) {
        queue -> Text,
        job_type -> Text,
        status -> Text,
        count -> BigInt,
    }
}

diesel::table! {
    job_logs (job_id, number) {
        job_id -> BigInt,
        number -> Integer,
        lines -> Text,
    }
}

diesel::table! {
    unique_locks (unique_key) {
        unique_key -> Text,
        job_id -> BigInt,
        until -> Nullable<BigInt>,
    }
}

diesel::table! {
    idempotency_keys (idempotency_key) {
        idempotency_key -> Text,
        request_digest -> Text,
        status -> Integer,
        headers -> Text,
        body -> Text,
        created_at -> BigInt,
    }
}

diesel::table! {
    controls (kind, name) {
        kind -> Text,
        name -> Text,
        paused -> Bool,
        reason -> Nullable<Text>,
        paused_by -> Nullable<Text>,
        paused_at -> Nullable<BigInt>,
        concurrency -> Nullable<Integer>,
        rate_limit -> Nullable<Integer>,
        rate_period_ms -> Nullable<BigInt>,
        max_depth -> Nullable<BigInt>,
        updated_at -> BigInt,
    }
}

diesel::table! {
    rate_buckets (gate) {
        gate -> Text,
        tokens -> Double,
        updated_at -> BigInt,
        ready_at -> Nullable<BigInt>,
    }
}

diesel::table! {
    job_groups (id) {
        id -> BigInt,
        name -> Nullable<Text>,
        total -> BigInt,
        completed -> BigInt,
        failed -> BigInt,
        cancelled -> BigInt,
        callback -> Nullable<Text>,
        callback_job_id -> Nullable<BigInt>,
        created_at -> BigInt,
        completed_at -> Nullable<BigInt>,
    }
}

diesel::table! {
    job_dependencies (parent_id, job_id) {
        parent_id -> BigInt,
        job_id -> BigInt,
    }
}

diesel::table! {
    schedules (id) {
        id -> BigInt,
        name -> Text,
        job_type -> Text,
        payload -> Text,
        schema_fingerprint -> Text,
        options -> Text,
        cron -> Nullable<Text>,
        every_ms -> Nullable<BigInt>,
        timezone -> Text,
        misfire -> Text,
        misfire_limit -> Integer,
        paused -> Bool,
        reason -> Nullable<Text>,
        next_at -> Nullable<BigInt>,
        version -> BigInt,
        created_at -> BigInt,
        updated_at -> BigInt,
    }
}

diesel::table! {
    schedule_runs (schedule_id, tick) {
        schedule_id -> BigInt,
        tick -> BigInt,
        outcome -> Text,
        job_id -> Nullable<BigInt>,
        detail -> Nullable<Text>,
        ran_at -> BigInt,
    }
}

diesel::table! {
    job_events (id) {
        id -> BigInt,
        at -> BigInt,
        transitions -> Text,
    }
}

diesel::table! {
    workers (worker) {
        worker -> Text,
        queues -> Text,
        job_types -> Text,
        slots -> Integer,
        version -> Text,
        started_at -> BigInt,
        seen_at -> BigInt,
    }
}
