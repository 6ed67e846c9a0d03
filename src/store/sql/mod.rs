//! Owns the store's units of work and statements. One source for both engines: each names this folder as a module of its
//! own, so that it is compiled once per engine, with that engine's connection and its dialect (docs/decisions/0014).
//! Must not know: which of the two it is compiled for; what differs is in the engine's `dialect.rs`.

pub(super) mod attempts;
pub(super) mod buckets;
pub(super) mod bulk;
pub(super) mod bulk_change;
pub(super) mod claim;
pub(super) mod controls;
pub(super) mod counts;
pub(super) mod enqueue;
pub(super) mod events;
pub(super) mod explain;
pub(super) mod filter;
pub(super) mod fresh;
pub(super) mod gates;
pub(super) mod groups;
pub(super) mod heartbeats;
pub(super) mod held;
pub(super) mod idempotency;
pub(super) mod jobs;
pub(super) mod ledger;
pub(super) mod maintenance;
pub(super) mod migrate;
pub(super) mod new_row;
pub(super) mod payloads;
pub(super) mod profiles;
pub(super) mod replace;
pub(super) mod reports;
pub(super) mod retention;
pub(super) mod runs;
pub(super) mod schedules;
pub(super) mod settle;
pub(super) mod sign_ups;
pub(super) mod standing;
pub(super) mod statement;
pub(super) mod ticks;
pub(super) mod ties;
pub(super) mod together;
pub(super) mod tx;
pub(super) mod undo;
pub(super) mod unique;
pub(super) mod unit;
pub(super) mod users;
pub(super) mod waiting;
pub(super) mod workers;

use super::{
    Backend, Conn, Engine,
    dialect::{self, Many, among, lock, not_among, skip_locked},
};
use crate::store::{
    time,
    types::{At, Doc, Document, Moment, RawJson},
};
