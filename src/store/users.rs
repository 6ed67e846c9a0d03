//! Owns the store's interface to users.
//! Must not know: how an engine does it.

use chrono::NaiveDate;

use super::{Done, Once, Store, StoreError, UserCreated, ask};
use crate::model::{
    NewUser, User, UserChange, UserCreatedJob, UserFilter, UserProfile, UserRecord, UserStatistics,
};

impl Store {
    /// Stores a user and its job in one transaction. [`StoreError::EmailTaken`] without regard to case.
    pub async fn user_create(
        &self,
        user: NewUser,
        job: UserCreatedJob,
    ) -> Result<UserCreated, StoreError> {
        match ask!(self, user_create(user, job, None).await)? {
            Done::Now(created) => Ok(created),
            Done::Before(_) => Err(StoreError::internal("nobody asked for an earlier answer")),
        }
    }

    /// The same, done once for all requests with the same key.
    pub async fn user_create_once(
        &self,
        user: NewUser,
        job: UserCreatedJob,
        once: Option<Once<UserCreated>>,
    ) -> Result<Done<UserCreated>, StoreError> {
        ask!(self, user_create(user, job, once).await)
    }

    pub async fn user_get(&self, id: i64) -> Result<Option<User>, StoreError> {
        ask!(self, user_get(id).await)
    }

    /// `NotFound`, `EmailTaken`; `VersionMismatch` when another version than the expected one is stored.
    pub async fn user_update(
        &self,
        id: i64,
        change: UserChange,
        expected_version: Option<i64>,
    ) -> Result<User, StoreError> {
        ask!(self, user_update(id, change, expected_version).await)
    }

    /// `NotFound`, `VersionMismatch`.
    pub async fn user_delete(
        &self,
        id: i64,
        expected_version: Option<i64>,
    ) -> Result<(), StoreError> {
        ask!(self, user_delete(id, expected_version).await)
    }

    /// Newest first, with ids below `before_id`.
    pub async fn user_list(
        &self,
        filter: UserFilter,
        before_id: Option<i64>,
        limit: usize,
    ) -> Result<Vec<User>, StoreError> {
        ask!(self, user_list(filter, before_id, limit).await)
    }

    /// All users in pages: oldest first, with ids above `after_id`.
    pub async fn user_scan(
        &self,
        after_id: i64,
        limit: usize,
    ) -> Result<Vec<UserRecord>, StoreError> {
        ask!(self, user_scan(after_id, limit).await)
    }

    /// Users whose `user_created` job is still owed.
    pub async fn users_without_job(&self, limit: usize) -> Result<Vec<UserRecord>, StoreError> {
        ask!(self, users_without_job(limit).await)
    }

    /// Enqueues an owed job. `None` when another was faster, or the user is gone.
    pub async fn user_enqueue_missing(
        &self,
        user_id: i64,
        job: UserCreatedJob,
    ) -> Result<Option<i64>, StoreError> {
        ask!(self, user_enqueue_missing(user_id, job).await)
    }

    /// Stores a profile. True the first time, and only then is the sign-up counted. `NotFound` when the user is gone.
    pub async fn user_profile_initialise(&self, profile: UserProfile) -> Result<bool, StoreError> {
        ask!(self, user_profile_initialise(profile).await)
    }

    pub async fn user_profile_get(&self, user_id: i64) -> Result<Option<UserProfile>, StoreError> {
        ask!(self, user_profile_get(user_id).await)
    }

    /// Sign-ups per UTC day that had any, oldest first, the newest 366 of them.
    pub async fn signup_counts(&self) -> Result<Vec<(NaiveDate, i64)>, StoreError> {
        ask!(self, signup_counts().await)
    }

    /// Reads all users: for a job, not for a request.
    pub async fn user_statistics(&self) -> Result<UserStatistics, StoreError> {
        ask!(self, user_statistics().await)
    }
}
