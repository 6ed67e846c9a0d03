//! Owns the misfire policy: which of the ticks that have come are to have a job.
//! Must not know: what the jobs are.

use chrono::{DateTime, Utc};

use super::Timetable;
use crate::model::Misfire;

/// Ticks that have come, oldest first.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Due {
    /// Each is to have a job.
    pub ticks: Vec<DateTime<Utc>>,
    /// Of those, the one that stands for older ones too.
    pub for_all: Option<DateTime<Utc>>,
    /// The newest one that has none; older ones may have none either.
    pub skipped: Option<DateTime<Utc>>,
    /// The first one that has not come.
    pub next_at: Option<DateTime<Utc>>,
}

/// What has come of the ticks from `next_at` on. A tick counts as missed when it is looked at more than a minute late, or
/// more than an interval where that is shorter. Costs as much as there are jobs, however long nobody looked.
pub fn due(
    table: &Timetable,
    next_at: DateTime<Utc>,
    misfire: (Misfire, u32),
    now: DateTime<Utc>,
) -> Due {
    if next_at > now {
        return Due {
            next_at: Some(next_at),
            ..Due::default()
        };
    }
    let on_time_from = now - table.grace();
    let mut back = Back {
        table,
        from: next_at,
        tick: table.last_until(now),
    };
    let mut due = Due {
        next_at: table.next_after(now),
        ..Due::default()
    };
    while let Some(tick) = back.take_if(|tick| tick >= on_time_from) {
        due.ticks.push(tick);
    }
    let jobs = match misfire {
        (Misfire::Skip, _) => 0,
        (Misfire::Once, _) => 1,
        (Misfire::All, limit) => limit,
    };
    for _ in 0..jobs {
        let Some(tick) = back.take_if(|_| true) else {
            break;
        };
        due.ticks.push(tick);
    }
    let older = back.take_if(|_| true);
    match misfire.0 {
        Misfire::Once if older.is_some() => due.for_all = due.ticks.last().copied(),
        Misfire::Once => {}
        Misfire::Skip | Misfire::All => due.skipped = older,
    }
    due.ticks.reverse();
    due
}

/// Ticks from the newest to the oldest.
struct Back<'a> {
    table: &'a Timetable,
    /// No tick before this.
    from: DateTime<Utc>,
    tick: Option<DateTime<Utc>>,
}

impl Back<'_> {
    fn take_if(&mut self, wanted: impl Fn(DateTime<Utc>) -> bool) -> Option<DateTime<Utc>> {
        let tick = self
            .tick
            .filter(|tick| *tick >= self.from && wanted(*tick))?;
        self.tick = self.table.last_until(tick - chrono::TimeDelta::seconds(1));
        Some(tick)
    }
}
