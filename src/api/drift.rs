//! Owns the handler that tells which stored jobs this contract could not read.
//! Must not know: storage, or how payloads are read.

use super::{
    context::ApiContext,
    operation::Input,
    operations::{GetDrift, GetDriftOk},
    reply::Failure,
};
use crate::{contract::wire_drift, drift::Drift};

pub(super) async fn get_drift(
    context: &ApiContext,
    input: Input<GetDrift>,
) -> Result<GetDriftOk, Failure> {
    let after = input.query.after_id;
    let limit = usize::try_from(input.query.limit.get()).unwrap_or(usize::MAX);
    let page = context
        .reader
        .page(&context.store, after, limit, Drift::default());
    let (found, next) = page.await?;
    Ok(GetDriftOk::ok(&wire_drift::drift(&found, next)?))
}
