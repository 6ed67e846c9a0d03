//! The only test binary: one module per subject. See docs/TESTING.md.
#![allow(
    clippy::unwrap_used,
    reason = "a test that cannot go on should stop at the line"
)]

mod api; // HTTP behaviour, by raw requests and by the generated client
mod architecture; // the house rules that a machine can check
mod cli; // the binary as a user runs it
mod cluster; // several processes on one PostgreSQL: killed, cut off, restarted
mod codegen; // golden outputs and refusals of the generator
mod config; // layers, messages, refusals
mod contract; // emitted document ≡ openapi.yaml; every operation called; examples valid
mod copy; // from SQLite to PostgreSQL
mod drift; // which stored jobs a contract could not read
mod durability; // what got a 2xx survives kill -9, real processes
mod hostile; // raw hostile HTTP against a running server
mod mail; // SMTP against a real server on loopback
mod mutation; // each of many changes to the contract is caught by the generator, the compiler or the release check
mod postgres; // what is PostgreSQL's own: refusals, faults, conventions
mod processes; // several processes on one file: late outcomes, wake-ups
mod processors; // the four job types, end to end
mod queue; // claim, run, settle, retries, leases, panics, timeouts, stop
mod spec; // what changed between two documents, and whom it breaks
mod store; // the conformance suite of the store
mod support; // servers, databases, waiting on events
mod validation; // every rule, every sentence, three modes, hostile bodies
