//! Owns HTTP: the generated operations, their handlers, the one extractor, replies and status codes.
//! The only module that names dropshot. Must not know: SQL, or what a job does.
//!
//! ```text
//! Dropshot → extract: token, body once, all faults → operation: handler, panics, log → reply
//!                                                         ↓
//!                                  handlers (one per operation, generated trait)
//! ```

mod auth;
pub mod bench;
mod bulk;
mod context;
mod control;
mod cors;
mod document;
mod drift;
mod enqueue;
mod error;
mod etag;
mod event_stream;
mod events;
mod extract;
mod groups;
mod handlers;
mod health;
mod idempotency;
mod jobs;
mod log;
mod operation;
mod page;
mod rate;
mod reply;
mod schedules;
mod server;
mod unpublished;
mod users;
mod wait;
mod work;

/// Markers, trait, success types and registration, from `openapi.yaml`.
pub(crate) mod operations {
    #![allow(
        clippy::pedantic,
        unused_qualifications,
        unreachable_pub,
        unused_imports,
        reason = "generated"
    )]
    include!(concat!(env!("OUT_DIR"), "/operations.rs"));
}

pub use context::{ApiContext, Parts};
pub use document::emitted;
pub use server::{ApiConfig, ApiServer, ApiStartError, serve};
