//! Owns when a schedule ticks, by cron or evenly.
//! Must not know: what its ticks come to.

use chrono::{DateTime, TimeDelta, Utc};
use chrono_tz::Tz;

use super::cron::Cron;
use crate::model::{Fault, Timing};

/// Longest interval, in seconds: 366 days.
pub const MAX_EVERY_SECONDS: u64 = 31_622_400;

/// A tick that is looked at later than this was missed.
const GRACE: TimeDelta = TimeDelta::seconds(60);

/// The ticks of a schedule. All are on whole seconds.
#[derive(Debug, Clone)]
pub struct Timetable(Kind);

#[derive(Debug, Clone)]
enum Kind {
    Cron(Box<Cron>),
    /// Both in seconds; `from` since 1970.
    Every {
        from: i64,
        step: i64,
    },
}

impl Timetable {
    /// Intervals are counted from `created_at`, cut to the second. A fault's pointer is the name of the property: `/cron`,
    /// `/timezone`, `/every_seconds`.
    pub fn new(timing: &Timing, created_at: DateTime<Utc>) -> Result<Self, Fault> {
        match timing {
            Timing::Cron {
                expression,
                timezone,
            } => {
                let zone: Tz = timezone.parse().map_err(|_| {
                    Fault::new(
                        "/timezone",
                        "timezone must be an IANA time zone, such as Europe/Berlin or UTC",
                    )
                })?;
                let cron = Cron::parse(expression, zone).map_err(|why| Fault::new("/cron", why))?;
                Ok(Self(Kind::Cron(Box::new(cron))))
            }
            Timing::Every(interval) => {
                let seconds = interval.as_secs();
                let step = i64::try_from(seconds).unwrap_or_default();
                if interval.subsec_nanos() > 0 || !(1..=MAX_EVERY_SECONDS).contains(&seconds) {
                    let rule = format!("every_seconds must be 1 to {MAX_EVERY_SECONDS}");
                    return Err(Fault::new("/every_seconds", rule));
                }
                let from = created_at.timestamp();
                Ok(Self(Kind::Every { from, step }))
            }
        }
    }

    /// The first tick after `at`.
    pub fn next_after(&self, at: DateTime<Utc>) -> Option<DateTime<Utc>> {
        match &self.0 {
            Kind::Cron(cron) => cron.next_after(at),
            Kind::Every { from, step } => {
                let passed = (at.timestamp() - from).div_euclid(*step);
                DateTime::from_timestamp(from + (passed + 1).max(1) * step, 0)
            }
        }
    }

    /// The last tick that is not after `at`.
    pub fn last_until(&self, at: DateTime<Utc>) -> Option<DateTime<Utc>> {
        match &self.0 {
            Kind::Cron(cron) => cron.last_until(at),
            Kind::Every { from, step } => {
                let passed = (at.timestamp() - from).div_euclid(*step);
                (passed >= 1).then(|| DateTime::from_timestamp(from + passed * step, 0))?
            }
        }
    }

    /// The first `count` ticks after `at`.
    pub fn upcoming(&self, at: DateTime<Utc>, count: usize) -> Vec<DateTime<Utc>> {
        std::iter::successors(self.next_after(at), |tick| self.next_after(*tick))
            .take(count)
            .collect()
    }

    /// How late a look at a tick may be before the tick counts as missed.
    pub(super) fn grace(&self) -> TimeDelta {
        match &self.0 {
            Kind::Cron(_) => GRACE,
            Kind::Every { step, .. } => GRACE.min(TimeDelta::seconds(*step)),
        }
    }
}
