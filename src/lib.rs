//! Lockstep: a users and background-jobs server whose whole contract is `openapi.yaml`.
//!
//! ```text
//! HTTP → generated trait → handler → model → Store → commit → wake
//!                                              ↑                ↓
//!              processors ← registry ← Worker: claim → run → settle
//! ```
//! Only [`api`] names dropshot, only [`store`] names diesel, only [`config`] reads the environment, [`model`] depends
//! on nothing; [`queue`] knows no concrete job, [`processors`] know no SQL. `docs/ARCHITECTURE.md` walks through it.

pub mod api;
pub mod app;
pub mod bench;
pub mod cli;
pub mod clock;
pub mod config;
pub mod contract;
pub mod drift;
pub mod error;
pub mod log;
pub mod mail;
pub mod metrics;
pub mod model;
pub mod processors;
pub mod queue;
pub mod spec;
pub mod store;
pub mod testing;
pub mod validation;
