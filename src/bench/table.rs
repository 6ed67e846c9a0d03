//! Owns a table of one size, twice: one database for ours, one with the same content for the limit.
//! Must not know: when it is measured.

use std::{borrow::Cow, path::Path, time::Duration};

use slog::Logger;

use super::{
    BenchError, Feature, Folder, limit,
    ours::Ours,
    plan::{Pass, Rounds},
};
use crate::{
    model::NewJob,
    store::{
        StoreError,
        bench::{self, Filling, Limit, Server},
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

/// Where databases are made.
#[derive(Debug, Clone, Copy)]
pub(super) enum Place<'a> {
    Folder(&'a Folder),
    Server(&'a Server),
}

/// How a round is taken back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Undo {
    /// Of the filling: what comes after it was enqueued.
    pub(super) last_id: i64,
    /// Further back in the order of claims: behind all other ready jobs.
    pub(super) later: i64,
    /// Ready jobs of the filling.
    pub(super) ready: usize,
}

impl Undo {
    /// Those that are put back. Others are removed.
    pub(super) fn of_the_filling(self, ids: impl Iterator<Item = i64>) -> Vec<i64> {
        ids.filter(|id| *id <= self.last_id).collect()
    }
}

/// A table of one size.
pub(super) struct Table {
    pub(super) rows: u64,
    pub(super) filling: Filling,
    undo: Undo,
    ours: Ours,
    /// None while it is being measured, and for good after that failed.
    limit: Option<Limit>,
    /// On a server.
    urls: Vec<String>,
}

impl Table {
    /// In the folder, or on the server.
    pub(super) async fn make(
        place: Place<'_>,
        tasks: usize,
        rows: u64,
        filling: Filling,
        log: &Logger,
    ) -> Result<Self, BenchError> {
        let (ours, limit, urls) = match place {
            Place::Folder(folder) => {
                let (ours, limit) = (
                    folder.file(&format!("ours-{rows}.db")),
                    folder.file(&format!("limit-{rows}.db")),
                );
                bench::fill(ours.clone(), job(), filling).await?;
                bench::copy(ours.clone(), limit.clone()).await?;
                let limit = Limit::sqlite(&limit, job())?;
                (url(&ours)?, limit, Vec::new())
            }
            Place::Server(server) => {
                let (ours, limit) = (format!("ours_{rows}"), format!("limit_{rows}"));
                let url = server.create(&ours).await?;
                server.fill(&url, &job(), filling).await?;
                let limit_url = server.copy(&ours, &limit).await?;
                let limit = Limit::postgres(&limit_url, job(), tasks).await?;
                (url.clone(), limit, vec![url, limit_url])
            }
        };
        let total = i64::try_from(filling.total()).unwrap_or(i64::MAX);
        let ours = Ours::open(&ours, job(), log).await?;
        ours.check().await?;
        Ok(Self {
            rows,
            filling,
            undo: Undo {
                last_id: total,
                later: total,
                ready: usize::try_from(filling.ready).unwrap_or(usize::MAX),
            },
            ours,
            limit: Some(limit),
            urls,
        })
    }

    /// Before a run: what the last one left behind on a server is not this one's to carry.
    pub(super) async fn tidy(&self, place: Place<'_>) -> Result<(), BenchError> {
        if let Place::Server(server) = place {
            for url in &self.urls {
                server.vacuum(url).await?;
            }
        }
        Ok(())
    }

    /// A time for each figure of the pass.
    pub(super) async fn ours(
        &self,
        with: Option<Feature>,
        pass: Pass,
        tasks: usize,
        rounds: Rounds,
    ) -> Result<Vec<Duration>, BenchError> {
        self.ours.switch(with).await?;
        let mut times = vec![Duration::ZERO; pass.figures().len()];
        for _ in 0..rounds.count {
            let round = self.ours.round(pass, tasks, rounds.jobs, self.undo);
            add(&mut times, &round.await?);
        }
        Ok(times)
    }

    /// The same of the limit.
    pub(super) async fn limit(
        &mut self,
        pass: Pass,
        tasks: usize,
        rounds: Rounds,
    ) -> Result<Vec<Duration>, BenchError> {
        let mut times = vec![Duration::ZERO; pass.figures().len()];
        let gone = || BenchError::Wrong("the limit was given up".to_owned());
        let mut limit = self.limit.take().ok_or_else(gone)?;
        // Ours has a thread for this, beside its commits.
        limit.checkpoint()?;
        for _ in 0..rounds.count {
            let (back, round) = limit::round(limit, pass, tasks, rounds.jobs, self.undo).await?;
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

/// Of a file.
pub(super) fn url(path: &Path) -> Result<String, StoreError> {
    path.to_str()
        .map(|path| format!("sqlite:{path}"))
        .ok_or_else(|| StoreError::Internal("the folder's name is not UTF-8".into()))
}
