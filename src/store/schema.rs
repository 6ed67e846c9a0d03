//! Owns the tables' columns, for Diesel. `tests/it/store` checks them against the migrations.

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
        lease_token -> Nullable<BigInt>,
        lease_until -> Nullable<BigInt>,
        scheduled_at -> BigInt,
        started_at -> Nullable<BigInt>,
        completed_at -> Nullable<BigInt>,
        created_at -> BigInt,
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
