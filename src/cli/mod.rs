//! Owns the command line: subcommands, their output and their exit codes.
//! Must not know: how users and jobs are kept, or how HTTP is spoken.

mod arguments;
mod bench;
mod bench_tables;
mod bulk;
mod database;
mod database_bulk;
mod db;
mod dispatch;
mod drift;
mod enqueue;
mod events;
mod failure;
mod flags;
mod groups;
mod health;
mod job_tables;
mod jobs;
mod maintenance;
mod output;
mod schedules;
mod selection;
mod server;
mod service;
mod settings;
mod specs;
mod steer;
mod target;
mod users;
mod wait;

pub use dispatch::run;
pub use failure::Failure;
pub use output::{Format, Output, Rows};
