//! Owns checking JSON against the contract's schemas, in three modes, with all faults at once. Must not know: HTTP or storage.

mod mode;

pub use mode::{Mode, UnknownMode};
