//! Owns extending leases.
//! Must not know: how they are given (claim.rs).

use std::{collections::HashMap, time::Duration};

use diesel::{
    QueryableByName, RunQueryDsl,
    sql_types::{BigInt, Bool},
};

use super::{
    Engine, dialect,
    time::{micros, span},
    tx::{Lane, Tx},
};
use crate::{
    model::{LeaseState, LeaseToken},
    store::StoreError,
};

impl Engine {
    pub(in crate::store) async fn job_heartbeat(
        &self,
        leases: Vec<(i64, LeaseToken)>,
        lease: Duration,
    ) -> Result<Vec<LeaseState>, StoreError> {
        self.write(Lane::Runs, move |tx| heartbeat(tx, &leases, lease))
            .await
    }
}

#[derive(QueryableByName)]
struct Extended {
    #[diesel(sql_type = BigInt)]
    id: i64,
    #[diesel(sql_type = BigInt)]
    lease_token: i64,
    #[diesel(sql_type = Bool)]
    cancel_requested: bool,
}

/// One statement for all leases of a process. A lease that ran out but was not taken back yet is extended: nobody else
/// has the job. The token is part of the answer: a worker may name an old lease beside the new one of the same job.
fn heartbeat(
    tx: &mut Tx<'_>,
    leases: &[(i64, LeaseToken)],
    lease: Duration,
) -> Result<Vec<LeaseState>, StoreError> {
    let named: Vec<(i64, i64)> = leases.iter().map(|(id, token)| (*id, token.0)).collect();
    let until = micros(tx.now).saturating_add(span(lease));
    let extended: Vec<Extended> = dialect::heartbeat(until, &named)?.load(tx.conn)?;
    let extended: HashMap<_, _> = extended
        .iter()
        .map(|row| ((row.id, row.lease_token), row.cancel_requested))
        .collect();
    let state = |lease| match extended.get(lease) {
        Some(true) => LeaseState::CancelRequested,
        Some(false) => LeaseState::Live,
        None => LeaseState::Lost,
    };
    Ok(named.iter().map(state).collect())
}
