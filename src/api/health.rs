//! Owns the answers to "is it alive, is it ready, what is it".
//! Must not know: how the database is reached.

use super::{
    context::ApiContext,
    error::{stopping, unhealthy},
    operation::Input,
    operations::{
        GetHealth, GetHealthOk, GetLiveness, GetLivenessOk, GetReadiness, GetReadinessOk,
        GetVersion, GetVersionOk,
    },
    reply::Failure,
};
use crate::{
    contract::{self, types, wire::WireError},
    model::JobCounts,
};

/// The seed's answer, in its two shapes.
pub(super) async fn get_health(
    context: &ApiContext,
    _: Input<GetHealth>,
) -> Result<GetHealthOk, Failure> {
    context
        .store
        .ping()
        .await
        .map_err(|error| unhealthy("database connection failed", &error))?;
    let counts = context.store.job_counts().await;
    let counts = counts.map_err(|error| unhealthy("job queue unavailable", &error))?;
    let sum = |of: fn(&JobCounts) -> i64| counts.iter().map(|counts| of(&counts.counts)).sum();
    Ok(GetHealthOk::ok(&types::Health {
        status: types::HealthStatus::Healthy,
        database: types::HealthDatabase::Connected,
        jobs: types::HealthJobs {
            pending: sum(|counts| counts.pending),
            processing: sum(|counts| counts.processing),
            failed: sum(|counts| counts.failed),
        },
    }))
}

pub(super) async fn get_liveness(
    _: &ApiContext,
    _: Input<GetLiveness>,
) -> Result<GetLivenessOk, Failure> {
    Ok(GetLivenessOk::ok(&types::Liveness {
        status: types::LivenessStatus::Alive,
    }))
}

pub(super) async fn get_readiness(
    context: &ApiContext,
    _: Input<GetReadiness>,
) -> Result<GetReadinessOk, Failure> {
    if !context.is_ready() {
        return Err(stopping());
    }
    context.store.ping().await?;
    Ok(GetReadinessOk::ok(&types::Readiness {
        status: types::ReadinessStatus::Ready,
    }))
}

pub(super) async fn get_version(
    _: &ApiContext,
    _: Input<GetVersion>,
) -> Result<GetVersionOk, Failure> {
    Ok(GetVersionOk::ok(&types::Version {
        program: env!("CARGO_PKG_VERSION").parse().map_err(WireError::from)?,
        contract: contract::VERSION.parse().map_err(WireError::from)?,
    }))
}
