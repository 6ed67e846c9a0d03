//! Owns the `data_analysis` job: statistics over all users, in the contract's form.
//! Must not know: SQL, HTTP, or how jobs are claimed and settled.

use std::num::NonZeroU64;

use lockstep_client::types::{
    AgeStatistics, DataAnalysisPayload, DataAnalysisResult, DayCount, DomainCount,
};

use super::failure::{not_in_contract, store_failed};
use crate::{
    contract::jobs,
    model::UserStatistics,
    queue::{JobContext, JobError, Processor},
    store::Store,
};

/// Counts users, ages, domains and growth.
#[derive(Debug, Clone)]
pub struct DataAnalysis {
    store: Store,
}

impl DataAnalysis {
    /// A processor on this store.
    pub fn new(store: Store) -> Self {
        Self { store }
    }
}

impl Processor for DataAnalysis {
    type Job = jobs::DataAnalysis;

    async fn process(
        &self,
        _: JobContext,
        payload: DataAnalysisPayload,
    ) -> Result<DataAnalysisResult, JobError> {
        let statistics = self.store.user_statistics().await.map_err(store_failed)?;
        let title = payload.message.map(String::from);
        result(statistics, title)
    }
}

fn result(
    statistics: UserStatistics,
    title: Option<String>,
) -> Result<DataAnalysisResult, JobError> {
    Ok(DataAnalysisResult {
        message: title
            .map(|title| title.parse().map_err(not_in_contract("message")))
            .transpose()?,
        users: statistics.users,
        active_users: statistics.active_users,
        age: statistics.age.map(|age| AgeStatistics {
            minimum: age.minimum.into(),
            maximum: age.maximum.into(),
            mean: age.mean,
            median: age.median,
        }),
        domains: statistics
            .domains
            .into_iter()
            .map(|(domain, users)| {
                Ok(DomainCount {
                    domain: domain.parse().map_err(not_in_contract("domain"))?,
                    users: positive(users)?,
                })
            })
            .collect::<Result<_, JobError>>()?,
        growth: statistics
            .growth
            .into_iter()
            .map(|(date, users)| {
                Ok(DayCount {
                    date,
                    users: positive(users)?,
                })
            })
            .collect::<Result<_, JobError>>()?,
    })
}

fn positive(count: i64) -> Result<NonZeroU64, JobError> {
    u64::try_from(count)
        .ok()
        .and_then(NonZeroU64::new)
        .ok_or(())
        .map_err(not_in_contract("users"))
}
