//! Owns when schedules tick and what a tick comes to: cron in time zones, even intervals, missed ticks, jobs. Pure.
//! Must not know: how schedules are stored, or any concrete job type.

mod cron;
#[cfg(test)]
mod examples;
mod job;
mod misfire;
mod options;
#[cfg(test)]
mod tests;
mod timetable;

pub use job::{job, next_tick, next_ticks, plan};
pub use misfire::{Due, due};
pub use options::ScheduleOptions;
pub use timetable::{MAX_EVERY_SECONDS, Timetable};
