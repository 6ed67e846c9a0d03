//! Owns due jobs that wait at a closed gate: the names of gates, who waits at them, and letting jobs through.
//! Must not know: when a gate is open (gates.rs).

use diesel::{OptionalExtension, Queryable, QueryableByName, RunQueryDsl, sql_types::Text};

use super::{dialect, statement::statement, tx::Tx};
use crate::store::StoreError;

/// Gates that one claim looks at, at most.
pub(in crate::store) const GATES: i64 = 200;

/// The first gate after another: so a claim finds the gates that somebody waits at, not everybody who waits.
pub(in crate::store) const NEXT_GATE: &str = "SELECT held_by AS gate FROM job_queue WHERE status = 'pending' \
     AND held_by > ? AND held_by < ? ORDER BY held_by LIMIT 1";

/// For the test that asks for its plan.
pub(in crate::store) const LET_THROUGH: &str = "UPDATE job_queue SET held_by = NULL WHERE id IN (SELECT id FROM job_queue \
     WHERE status = 'pending' AND held_by = ? ORDER BY rank, id LIMIT ?)";

#[derive(QueryableByName)]
pub(in crate::store) struct Gate {
    #[diesel(sql_type = Text)]
    pub(in crate::store) gate: String,
}

pub(in crate::store) fn queue_gate(queue: &str) -> String {
    format!("queue:{queue}")
}

pub(in crate::store) fn type_gate(job_type: &str) -> String {
    format!("type:{job_type}")
}

pub(in crate::store) fn key_gate(job_type: &str, key: &str) -> String {
    format!("key:{job_type}:{key}")
}

/// For payloads that not every worker can read.
pub(in crate::store) fn schema_gate(job_type: &str, fingerprint: &str) -> String {
    format!("schema:{job_type}:{fingerprint}")
}

/// What may be in the way of a claim, in the order of the columns.
#[derive(Queryable)]
pub(in crate::store) struct InTheWay {
    /// Anybody waits at any gate.
    pub(in crate::store) held: bool,
    /// There may be orders.
    pub(in crate::store) ordered: bool,
    /// Jobs of some queues are ready.
    pub(in crate::store) ready: bool,
    /// The transaction's own number, if the engine gives it one: when it first writes.
    pub(in crate::store) number: Option<i64>,
}

/// Whether anybody waits at any gate. A claim's first question: where it tells that there are no orders, these are not asked
/// for.
pub(in crate::store) fn any_held(tx: &mut Tx<'_>) -> Result<bool, StoreError> {
    Ok(look(tx, &[])?.held)
}

/// Whether a claim of these queues got nothing because there is nothing. What was in its way may be gone by now: then there is
/// something.
pub(in crate::store) fn is_nothing_there(
    tx: &mut Tx<'_>,
    queues: &[String],
) -> Result<bool, StoreError> {
    let InTheWay { ready, number, .. } = look(tx, queues)?;
    let nothing = !ready && !tx.controls.hindered;
    // What comes otherwise asks no more whether anything is written.
    tx.ledger.idle = number.is_none() && nothing;
    Ok(nothing)
}

/// `queues`: of which it is to be known whether jobs are ready.
fn look(tx: &mut Tx<'_>, queues: &[String]) -> Result<InTheWay, StoreError> {
    let way = dialect::in_the_way(tx.conn, queues)?;
    if !way.ordered {
        tx.controls.are_none();
    }
    tx.controls.hindered = way.held || way.ordered;
    Ok(way)
}

/// Whether anybody waits at this one.
pub(in crate::store) fn anybody(tx: &mut Tx<'_>, gate: &str) -> Result<bool, StoreError> {
    let one: Option<Gate> = statement(
        "SELECT held_by AS gate FROM job_queue WHERE status = 'pending' AND held_by = ? LIMIT 1",
    )
    .text(gate)
    .get_result(tx.conn)
    .optional()?;
    Ok(one.is_some())
}

/// The gates with this prefix that somebody waits at.
pub(in crate::store) fn held(tx: &mut Tx<'_>, prefix: &str) -> Result<Vec<String>, StoreError> {
    held_after(tx, prefix, prefix.to_owned())
}

/// The same, after one of them.
pub(in crate::store) fn held_after(
    tx: &mut Tx<'_>,
    prefix: &str,
    after: String,
) -> Result<Vec<String>, StoreError> {
    // `;` is the character after `:`.
    let end = prefix.replace(':', ";");
    let mut gates = Vec::new();
    let mut last = after;
    for _ in 0..GATES {
        let next: Option<Gate> = statement(NEXT_GATE)
            .text(last.as_str())
            .text(end.as_str())
            .get_result(tx.conn)
            .optional()?;
        let Some(Gate { gate }) = next else { break };
        gates.push(gate.clone());
        last = gate;
    }
    Ok(gates)
}

/// Lets up to `most` jobs through a gate, in the order of claims. A claim asks again whether they may start.
pub(in crate::store) fn let_through(
    tx: &mut Tx<'_>,
    gate: &str,
    most: i64,
) -> Result<(), StoreError> {
    if most > 0 {
        let moved = statement(LET_THROUGH)
            .text(gate)
            .int(most)
            .execute(tx.conn)?;
        *tx.wake |= moved > 0;
    }
    Ok(())
}
