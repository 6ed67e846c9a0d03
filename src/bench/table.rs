//! Owns a table of one size, twice: one file for ours, one with the same content for the limit.
//! Must not know: when it is measured.

use std::{borrow::Cow, path::Path, time::Duration};

use slog::Logger;
use tokio::task::block_in_place;

use super::{
    BenchError, Feature, Folder, limit,
    ours::Ours,
    plan::{Pass, Rounds},
};
use crate::{
    model::NewJob,
    store::{
        StoreError,
        bench::{self, Filling, Limit},
    },
};

/// What the jobs carry: about 200 bytes, as with the peers that docs/PERFORMANCE.md names.
const PAYLOAD: &str = r#"{"user_id":123456,"email":"ada.lovelace@example.com","name":"Ada Lovelace","template":"welcome","locale":"en-GB","source":"bench","campaign":"autumn","reference":"6f1c2a9e-43b7-4f0e-9d55-0c8a7b3e21d4"}"#;

/// The job of the bench.
pub(super) fn job() -> NewJob {
    NewJob {
        job_type: Cow::Borrowed("bench"),
        queue: Cow::Borrowed("bench"),
        payload: PAYLOAD.to_owned(),
        priority: 0,
        max_retries: 3,
        timeout: Duration::from_mins(1),
        scheduled_at: None,
        delay: None,
        expires_at: None,
        tags: Vec::new(),
        metadata: None,
        unique: None,
        concurrency_key: None,
        after: Vec::new(),
        group_id: None,
        schema_fingerprint: Cow::Borrowed("bench"),
    }
}

/// How a round is taken back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Undo {
    /// Of the filling: what comes after it was enqueued.
    pub(super) last_id: i64,
    /// Further back in the order of claims: behind all other ready jobs.
    pub(super) later: i64,
}

/// A table of one size.
pub(super) struct Table {
    pub(super) rows: u64,
    pub(super) filling: Filling,
    undo: Undo,
    ours: Ours,
    /// None while it is being measured, and for good after that failed.
    limit: Option<Limit>,
}

impl Table {
    pub(super) async fn make(
        folder: &Folder,
        rows: u64,
        filling: Filling,
        log: &Logger,
    ) -> Result<Self, BenchError> {
        let (ours, limit) = (
            folder.file(&format!("ours-{rows}.db")),
            folder.file(&format!("limit-{rows}.db")),
        );
        bench::fill(ours.clone(), job(), filling).await?;
        bench::copy(ours.clone(), limit.clone()).await?;
        let total = i64::try_from(filling.total()).unwrap_or(i64::MAX);
        let ours = Ours::open(text(&ours)?, job(), log).await?;
        ours.check().await?;
        Ok(Self {
            rows,
            filling,
            undo: Undo {
                last_id: total,
                later: total,
            },
            ours,
            limit: Some(block_in_place(|| Limit::open(&limit, job()))?),
        })
    }

    /// A time for each figure of the pass.
    pub(super) async fn ours(
        &self,
        with: Option<Feature>,
        pass: Pass,
        rounds: Rounds,
    ) -> Result<Vec<Duration>, BenchError> {
        self.ours.switch(with).await?;
        let mut times = vec![Duration::ZERO; pass.figures().len()];
        for _ in 0..rounds.count {
            add(
                &mut times,
                &self.ours.round(pass, rounds.jobs, self.undo).await?,
            );
        }
        Ok(times)
    }

    /// The same of the limit.
    pub(super) async fn limit(
        &mut self,
        pass: Pass,
        rounds: Rounds,
    ) -> Result<Vec<Duration>, BenchError> {
        let mut times = vec![Duration::ZERO; pass.figures().len()];
        let gone = || BenchError::Wrong("the limit was given up".to_owned());
        let mut limit = self.limit.take().ok_or_else(gone)?;
        // Ours has a thread for this, beside its commits.
        block_in_place(|| limit.checkpoint())?;
        for _ in 0..rounds.count {
            let (back, round) = limit::round(limit, pass, rounds.jobs, self.undo).await?;
            limit = back;
            add(&mut times, &round);
        }
        self.limit = Some(limit);
        Ok(times)
    }

    /// Says so if what was measured is not sound any more.
    pub(super) async fn close(self) -> Result<(), BenchError> {
        let sound = self.ours.check().await;
        self.ours.close().await;
        sound
    }
}

fn add(times: &mut [Duration], more: &[Duration]) {
    for (sum, time) in times.iter_mut().zip(more) {
        *sum += *time;
    }
}

fn text(path: &Path) -> Result<&str, StoreError> {
    path.to_str()
        .ok_or_else(|| StoreError::Internal("the folder's name is not UTF-8".into()))
}
