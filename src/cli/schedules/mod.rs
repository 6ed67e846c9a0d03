//! Owns `lockstep schedules`: its commands, what they need of a database or a server, and how schedules look.
//! Must not know: when schedules tick.

mod command;
mod database;
mod server;
mod tables;
mod target;

pub(super) use command::SchedulesCommand;
pub(super) use target::ScheduleTarget;
