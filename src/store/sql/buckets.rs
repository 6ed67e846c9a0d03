//! Owns the arithmetic of token buckets: how full one is, and when it has a token again.
//! Must not know: who takes tokens.

use diesel::{OptionalExtension, QueryableByName, RunQueryDsl, sql_types::Double};

use super::{Conn, Moment, statement::statement};
use crate::{model::Rate, store::StoreError};

#[derive(QueryableByName)]
struct Level {
    #[diesel(sql_type = Double)]
    tokens: f64,
    #[diesel(sql_type = Moment)]
    updated_at: i64,
}

/// How many tokens the bucket of a gate has.
pub(in crate::store) fn tokens(
    conn: &mut Conn,
    gate: &str,
    rate: Rate,
    now: i64,
) -> Result<f64, StoreError> {
    let known: Option<Level> =
        statement("SELECT tokens, updated_at FROM rate_buckets WHERE gate = ?")
            .text(gate)
            .get_result(conn)
            .optional()?;
    let full = f64::from(rate.limit);
    Ok(known.map_or(full, |known| {
        #[expect(
            clippy::cast_precision_loss,
            reason = "micros of up to 285 years are exact"
        )]
        let elapsed = (now - known.updated_at).max(0) as f64 / 1e6;
        (known.tokens + elapsed * full / rate.period.as_secs_f64().max(1e-6)).min(full)
    }))
}

/// Tokens that can be taken. A token that is there but for what floating point lost of it is there.
pub(in crate::store) fn whole(tokens: f64) -> i64 {
    #[expect(
        clippy::cast_possible_truncation,
        reason = "a bucket holds a million at most"
    )]
    let whole = (tokens.max(0.0) + 1e-9) as i64;
    whole
}

/// When a bucket that has less than one token has one, in microseconds.
pub(in crate::store) fn refilled_at(rate: Rate, tokens: f64, now: i64) -> i64 {
    let wait = (1.0 - tokens) * rate.period.as_secs_f64() / f64::from(rate.limit) * 1e6;
    #[expect(clippy::cast_possible_truncation, reason = "a day at most")]
    let wait = (wait - 1e-3).ceil() as i64;
    now.saturating_add(wait)
}
