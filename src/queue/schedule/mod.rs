//! Owns when schedules tick and what a tick comes to: cron in time zones, even intervals, missed ticks. Pure.
//! Must not know: how schedules are stored, or any concrete job type.

mod cron;
mod plan;
#[cfg(test)]
mod tests;
mod timetable;

pub use plan::{Due, due};
pub use timetable::{MAX_EVERY_SECONDS, Timetable};
