//! Owns testing the binary as a user runs it: real processes in folders of their own.

mod bench; // measuring: all of it or nothing
pub(crate) mod binary; // running the program and reading what it says
mod bulk; // many jobs at once, on a database and over HTTP
mod documents; // spec, config, help, completions: commands without a database
mod enqueue; // everything that an enqueuer may choose
mod events; // the log, and waiting for a job
mod operators; // jobs, users, doctor, backup, migrate on a database
mod over_server; // the same commands over HTTP
mod processes; // workers: ready, stop, kill
mod schedules; // jobs by the clock, on a database and over a server
