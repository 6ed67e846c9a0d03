//! Owns the promise "no user without its job": enqueues the `user_created` jobs that could not be enqueued at sign-up.
//! Must not know: SQL, or how the missing ones are found.

use std::time::Duration;

use slog::{Logger, info, warn};
use tokio::time::sleep;

use super::user_created::job_for;
use crate::{
    model::{NewUser, UserRecord},
    store::{Store, StoreError},
};

/// Users per pass.
const BATCH: usize = 100;

/// Enqueues the missing jobs of at most `limit` users; returns how many it enqueued. Several processes may do so at
/// the same time: each user gets one job.
pub async fn reconcile(store: &Store, limit: usize) -> Result<usize, StoreError> {
    Ok(pass(store, limit).await?.enqueued)
}

/// How long others leave it to the one that is at it: a pass takes less, unless it has died.
const TERM: Duration = Duration::from_secs(10);

/// Reconciles every `pause` until it is dropped; without a pause while there is more to do.
pub async fn run(store: &Store, pause: Duration, log: &Logger) {
    let holder = format!("{}-{:08x}", std::process::id(), rand::random::<u32>());
    loop {
        match lead(store, &holder).await {
            Ok(Pass { found: 0, .. }) => sleep(pause).await,
            Ok(Pass { found, enqueued }) => {
                info!(log, "enqueued jobs that users were owed"; "jobs" => enqueued);
                // Users of a full pass may have been deleted meanwhile; nothing enqueued means nothing gained.
                if found < BATCH || enqueued == 0 {
                    sleep(pause).await;
                }
            }
            Err(error) => {
                warn!(log, "cannot enqueue jobs that users are owed"; "error" => error.to_string());
                sleep(pause).await;
            }
        }
    }
}

/// One process at a time does it.
async fn lead(store: &Store, holder: &str) -> Result<Pass, StoreError> {
    if store.lead("reconciler", holder.to_owned(), TERM).await? {
        pass(store, BATCH).await
    } else {
        Ok(Pass::default())
    }
}

#[derive(Default)]
struct Pass {
    found: usize,
    enqueued: usize,
}

async fn pass(store: &Store, limit: usize) -> Result<Pass, StoreError> {
    let users = store.users_without_job(limit).await?;
    let mut pass = Pass {
        found: users.len(),
        enqueued: 0,
    };
    for record in users {
        let id = record.user.id;
        match store
            .user_enqueue_missing(id, job_for(&signed_up(record)))
            .await
        {
            Ok(Some(_)) => pass.enqueued += 1,
            // Another reconciler was faster, or the user has been deleted.
            Ok(None) | Err(StoreError::NotFound) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(pass)
}

fn signed_up(record: UserRecord) -> NewUser {
    let user = record.user;
    NewUser {
        email: user.email,
        age: user.age,
        name: user.name,
        bio: user.bio,
        is_active: user.is_active,
        additional_data: record.additional_data,
    }
}
