//! Owns what each declared job type does.
//! Must not know: SQL, HTTP, or how jobs are claimed and settled.

pub mod user_created;
