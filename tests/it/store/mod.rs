//! The conformance suite of the store: every method, every transition. Cases ask a [`Database`] only, so that a second
//! engine can run the same ones. What is SQLite's own is in `files`.
//!
//! [`Database`]: crate::support::database::Database

mod batches; // numbers of jobs that are no round ones
mod bulk; // filters, and what is done with all that match
mod claims; // leases, order, heartbeats, two stores on one file
mod events; // the log of transitions
mod expiry; // jobs that nobody wants any more
mod explain; // why a job is not running
mod files; // refused files, settings, backup, migrations
mod groups; // groups, their callbacks, jobs that wait for others
mod limits; // pauses, concurrency, rates, back-pressure
mod misfires; // missed ticks of schedules, pauses
mod model; // random steps against a small model
mod once; // idempotency keys, dry runs
mod owed; // users whose job could not be enqueued
mod retention; // how long ended jobs and events are kept
mod schedules; // ticks, two stores on one file, changes
mod settlements; // every end of a run
mod sign_ups; // many users at the same time
mod standing; // claims that wait for jobs
mod unique; // unique keys: scopes, conflicts, races
mod users; // users, profiles, statistics
mod within; // jobs in somebody else's transaction
