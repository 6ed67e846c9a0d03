//! Owns checking a request, or any JSON, against the contract's schemas: three modes, all faults at once, our own
//! sentences. Must not know: a server, storage, or what the values are used for.
//!
//! ```text
//! contract ──translate──► JSON Schema ──compile──► one validator per schema and parameter, at start
//! request  ──parameters, json──► values ──validator──► Checked, or faults {pointer, message}
//! ```
//! In every mode: integers are written as integers (`30.0` is refused, since the types that follow would refuse it),
//! formats are asserted, a body is one JSON value of at most 64 levels without U+0000 and without duplicate keys
//! (two readers of one body may otherwise see two different values).

mod compile;
mod content_type;
mod fault;
mod formats;
mod json;
mod messages;
mod mode;
mod operation;
mod parameter;
mod path;
mod query;
mod translate;
mod validator;
mod values;

pub use compile::ValidatorError;
pub use mode::{Mode, UnknownMode};
pub use validator::{Checked, RawRequest, Validator};
pub use values::Values;
