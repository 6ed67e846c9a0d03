//! Owns reading cron expressions and laying their wall-clock times on the real time of a zone.
//! Must not know: schedules.
//!
//! What a change of the clocks does (the rules of Vixie cron, which people expect):
//! - An expression whose hour field begins with `*` means real time: it ticks whenever the wall clock shows a time that
//!   matches, so it misses what the clock leaps over and ticks in both passes of an hour that comes twice.
//! - Any other expression means times of a day, each once: what the clock leaps over ticks right after the leap, all of it
//!   together once; in an hour that comes twice, the first pass ticks.

use chrono::{DateTime, Days, MappedLocalTime, NaiveDateTime, TimeZone, Utc};
use chrono_tz::Tz;
use croner::{
    Cron as Pattern, Direction,
    errors::CronError,
    parser::{CronParser, Seconds, Year},
};

/// Longest expression, in bytes.
pub(super) const MAX_EXPRESSION: usize = 200;

/// Fields, and their bounds in words.
const FIELDS: [(&str, &str); 5] = [
    ("minute", "0 to 59"),
    ("hour", "0 to 23"),
    ("day of month", "1 to 31, or L"),
    ("month", "1 to 12, or JAN to DEC"),
    ("day of week", "0 (Sunday) to 7 (Sunday), or SUN to SAT"),
];

/// A cron expression in a time zone.
#[derive(Debug, Clone)]
pub(super) struct Cron {
    pattern: Pattern,
    zone: Tz,
    /// Ticks with real time, not once per wall-clock time.
    real_time: bool,
}

impl Cron {
    /// An error is the reason, as a sentence about the expression.
    pub(super) fn parse(expression: &str, zone: Tz) -> Result<Self, String> {
        if expression.len() > MAX_EXPRESSION || !expression.is_ascii() {
            return Err(format!(
                "cron must be at most {MAX_EXPRESSION} ASCII characters"
            ));
        }
        let parser = CronParser::builder()
            .seconds(Seconds::Disallowed)
            .year(Year::Disallowed)
            .build();
        let pattern = parser
            .parse(expression)
            .map_err(|error| why(parser, expression, &error))?;
        let hours = pattern.pattern.hours.values();
        let real_time = hours.len() == 24
            || expression
                .split_whitespace()
                .nth(1)
                .is_some_and(|hour| hour.starts_with('*'));
        let cron = Self {
            pattern,
            zone,
            real_time,
        };
        // All dates and weekdays come round within 400 years.
        match cron.wall_time(DateTime::UNIX_EPOCH.naive_utc(), Direction::Forward, true) {
            Some(_) => Ok(cron),
            None => Err("cron never matches: no such day comes".to_owned()),
        }
    }

    /// The first tick after `at`.
    pub(super) fn next_after(&self, at: DateTime<Utc>) -> Option<DateTime<Utc>> {
        let at = whole_second(at)?;
        if self.real_time {
            let local = at.with_timezone(&self.zone);
            let next = self.pattern.find_next_occurrence(&local, false).ok()?;
            return Some(next.to_utc());
        }
        let mut wall = at.with_timezone(&self.zone).naive_local();
        loop {
            wall = self.wall_time(wall, Direction::Forward, false)?;
            // In the second pass of a repeated hour, what comes next on the wall was in the first one already.
            if let Some(tick) = self.instant(wall).filter(|tick| *tick > at) {
                return Some(tick);
            }
        }
    }

    /// The last tick that is not after `at`.
    pub(super) fn last_until(&self, at: DateTime<Utc>) -> Option<DateTime<Utc>> {
        let at = whole_second(at)?;
        let local = at.with_timezone(&self.zone);
        if self.real_time {
            let last = self.pattern.find_previous_occurrence(&local, true).ok()?;
            return Some(last.to_utc());
        }
        let mut wall = local.naive_local();
        if let MappedLocalTime::Ambiguous(first, second) = self.zone.from_local_datetime(&wall)
            && at >= second.to_utc()
        {
            // The whole repeated hour has ticked in its first pass, also what the wall shows later.
            wall += second.to_utc() - first.to_utc();
        }
        let mut inclusive = true;
        loop {
            wall = self.wall_time(wall, Direction::Backward, inclusive)?;
            inclusive = false;
            if let Some(tick) = self.instant(wall).filter(|tick| *tick <= at) {
                return Some(tick);
            }
        }
    }

    /// The next time on the wall that matches, whatever clocks do.
    fn wall_time(
        &self,
        from: NaiveDateTime,
        direction: Direction,
        inclusive: bool,
    ) -> Option<NaiveDateTime> {
        match direction {
            Direction::Forward => self.pattern.find_next_occurrence(&from, inclusive),
            Direction::Backward => self.pattern.find_previous_occurrence(&from, inclusive),
        }
        .ok()
    }

    /// When the wall shows this for the first time, or when it leaps over it. Never decreases as `wall` grows.
    fn instant(&self, wall: NaiveDateTime) -> Option<DateTime<Utc>> {
        match self.zone.from_local_datetime(&wall) {
            MappedLocalTime::Single(at) | MappedLocalTime::Ambiguous(at, _) => Some(at.to_utc()),
            MappedLocalTime::None => self.leap(wall),
        }
    }

    /// The end of the leap that `wall` is in. No zone has ever leapt more than a day.
    fn leap(&self, wall: NaiveDateTime) -> Option<DateTime<Utc>> {
        let day = Days::new(2);
        let seen = |at: i64| {
            let at = DateTime::from_timestamp(at, 0)?;
            Some(at.with_timezone(&self.zone).naive_local())
        };
        let mut before = wall.checked_sub_days(day)?.and_utc().timestamp();
        let mut after = wall.checked_add_days(day)?.and_utc().timestamp();
        while after - before > 1 {
            let middle = before.midpoint(after);
            if seen(middle)? > wall {
                after = middle;
            } else {
                before = middle;
            }
        }
        DateTime::from_timestamp(after, 0)
    }
}

/// Ticks are on whole minutes; the search is not exact about parts of a second.
fn whole_second(at: DateTime<Utc>) -> Option<DateTime<Utc>> {
    DateTime::from_timestamp(at.timestamp(), 0)
}

/// Which field it is, and why. The parser itself does not say which.
fn why(parser: CronParser, expression: &str, error: &CronError) -> String {
    let given: Vec<&str> = expression.split_whitespace().collect();
    if given.len() != FIELDS.len() {
        return match given.as_slice() {
            [nickname] if nickname.starts_with('@') => {
                "cron: the only nicknames are @yearly, @annually, @monthly, @weekly, @daily and @hourly"
                    .to_owned()
            }
            _ => format!(
                "cron must have 5 fields (minute, hour, day of month, month, day of week), not {}",
                given.len()
            ),
        };
    }
    let fields = FIELDS.iter().zip(&given).enumerate();
    let mut reasons: Vec<String> = fields
        .filter_map(|(index, ((name, bounds), field))| {
            let mut alone = ["*"; FIELDS.len()];
            alone[index] = field;
            let error = parser.parse(&alone.join(" ")).err()?;
            Some(format!("{name}: {} ({bounds})", words(&error)))
        })
        .collect();
    if reasons.is_empty() {
        reasons.push(words(error));
    }
    format!("cron: {}", reasons.join("; "))
}

/// The parser's words, without the value that it was given.
fn words(error: &CronError) -> String {
    match error {
        CronError::IllegalCharacters(_) => "a character does not belong there".to_owned(),
        CronError::ComponentError(text) if text.starts_with("Invalid step syntax") => {
            "a step belongs to * or to a range, as in */10 or 0-30/10".to_owned()
        }
        CronError::ComponentError(text) | CronError::InvalidPattern(text) => {
            text.trim_end_matches('.').to_lowercase()
        }
        other => other.to_string(),
    }
}
