//! Owns what a user is: the stored row, what creates it, what changes it.
//! Must not know: how users are stored or shown.

use chrono::{DateTime, NaiveDate, Utc};

use super::NewJob;

/// A user that is not stored yet. Its values have passed the contract's validation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewUser {
    pub email: String,
    pub age: i32,
    pub name: Option<String>,
    pub bio: Option<String>,
    pub is_active: bool,
    /// JSON object of the properties that the contract does not name (`VALIDATION_MODE=flexible`), as text.
    pub additional_data: Option<String>,
}

/// A stored user: what is shown of it, and its version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct User {
    pub id: i64,
    pub email: String,
    pub age: i32,
    pub name: Option<String>,
    pub bio: Option<String>,
    pub is_active: bool,
    /// Grows by one with every change; the `ETag` is made from it.
    pub version: i64,
}

/// A stored user with all that is kept of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UserRecord {
    pub user: User,
    /// JSON object, as text. It may be long: who only shows a user does not read it.
    pub additional_data: Option<String>,
    pub created_at: DateTime<Utc>,
    pub updated_at: DateTime<Utc>,
}

/// A change to a user: `None` leaves a value as it is; `Some(None)` clears it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct UserChange {
    pub email: Option<String>,
    pub age: Option<i32>,
    pub name: Option<Option<String>>,
    pub bio: Option<Option<String>>,
    pub is_active: Option<bool>,
}

/// Which users to list. Filters combine.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct UserFilter {
    /// Compared without regard to case.
    pub email: Option<String>,
    pub is_active: Option<bool>,
}

/// Makes the `user_created` job of a user once its id is known. Must be cheap: it runs inside the write transaction.
pub type UserCreatedJob = Box<dyn Fn(i64) -> NewJob + Send>;

/// What the `user_created` job derives from a user's additional properties.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct UserProfile {
    pub user_id: i64,
    pub hobby: Option<String>,
    pub location: Option<String>,
    pub score: Option<f64>,
    /// JSON object of all other properties, as text.
    pub other: Option<String>,
}

/// Sign-up figures of all users, for the `data_analysis` job.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct UserStatistics {
    pub users: i64,
    pub active_users: i64,
    /// `None` without users.
    pub age: Option<AgeStatistics>,
    /// Most frequent first, at most 100.
    pub domains: Vec<(String, i64)>,
    /// Sign-ups per UTC day, newest 366 days that have any, oldest first.
    pub growth: Vec<(NaiveDate, i64)>,
}

/// Ages in years.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct AgeStatistics {
    pub minimum: i32,
    pub maximum: i32,
    pub mean: f64,
    /// The lower of the two middle ones when the number is even.
    pub median: f64,
}
