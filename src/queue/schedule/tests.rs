//! Timetables against a walk over every minute, over the days on which clocks change; missed ticks against all ticks.

use std::{collections::BTreeSet, time::Duration};

use chrono::{DateTime, Datelike, NaiveDateTime, TimeDelta, Timelike, Utc};
use chrono_tz::Tz;
use proptest::{prelude::*, sample::select};

use super::{Timetable, due};
use crate::model::{Misfire, Timing};

/// Zones, each with a moment near which its clocks change or do not.
const PLACES: [(&str, &str); 16] = [
    ("Europe/Berlin", "2026-03-29T01:00:00Z"),
    ("Europe/Berlin", "2026-10-25T01:00:00Z"),
    ("America/New_York", "2026-03-08T07:00:00Z"),
    ("America/New_York", "2026-11-01T06:00:00Z"),
    // Half an hour.
    ("Australia/Lord_Howe", "2026-04-04T15:00:00Z"),
    ("Australia/Lord_Howe", "2026-10-03T15:30:00Z"),
    // Midnight is leapt over, or comes twice.
    ("Asia/Beirut", "2026-03-28T22:00:00Z"),
    ("America/Havana", "2026-03-08T05:00:00Z"),
    ("America/Havana", "2026-11-01T05:00:00Z"),
    ("America/Santiago", "2026-04-05T03:00:00Z"),
    // A whole day is leapt over.
    ("Pacific/Apia", "2011-12-30T10:00:00Z"),
    // Two hours.
    ("Antarctica/Troll", "2026-03-29T01:00:00Z"),
    ("Antarctica/Troll", "2026-10-25T01:00:00Z"),
    ("Asia/Kathmandu", "2026-03-29T01:00:00Z"),
    ("UTC", "2026-02-28T23:00:00Z"),
    ("America/St_Johns", "2026-11-01T04:30:00Z"),
];

/// A cron field: as it is written, and the numbers that it means.
#[derive(Debug, Clone)]
struct Field {
    text: String,
    numbers: BTreeSet<u32>,
}

fn field(low: u32, high: u32) -> impl Strategy<Value = Field> {
    let all = Just(Field {
        text: "*".to_owned(),
        numbers: (low..=high).collect(),
    });
    let every = (2..=(high - low)).prop_map(move |step| Field {
        text: format!("*/{step}"),
        numbers: (low..=high).step_by(step as usize).collect(),
    });
    let some = prop::collection::btree_set(low..=high, 1..4).prop_map(|numbers| Field {
        text: numbers
            .iter()
            .map(ToString::to_string)
            .collect::<Vec<_>>()
            .join(","),
        numbers,
    });
    let range = (low..=high, low..=high).prop_map(|(one, other)| {
        let (from, to) = (one.min(other), one.max(other));
        Field {
            text: format!("{from}-{to}"),
            numbers: (from..=to).collect(),
        }
    });
    prop_oneof![2 => all, 1 => every, 3 => some, 1 => range]
}

/// The hours around changes of clocks, more often than others.
fn hour() -> impl Strategy<Value = Field> {
    let near = select(vec![0_u32, 1, 2, 3, 23]).prop_map(|hour| Field {
        text: hour.to_string(),
        numbers: BTreeSet::from([hour]),
    });
    prop_oneof![field(0, 23), near]
}

#[derive(Debug, Clone)]
struct Expression {
    fields: [Field; 5],
}

fn expression() -> impl Strategy<Value = Expression> {
    let day = prop_oneof![3 => all_of(1, 31), 1 => field(1, 31)];
    let month = prop_oneof![4 => all_of(1, 12), 1 => field(1, 12)];
    let weekday = prop_oneof![3 => all_of(0, 6), 1 => field(0, 6)];
    (field(0, 59), hour(), day, month, weekday)
        .prop_map(|(a, b, c, d, e)| Expression {
            fields: [a, b, c, d, e],
        })
        .prop_filter("comes on some day", |it| it.table("UTC").is_some())
}

fn all_of(low: u32, high: u32) -> impl Strategy<Value = Field> {
    Just(Field {
        text: "*".to_owned(),
        numbers: (low..=high).collect(),
    })
}

impl Expression {
    fn table(&self, zone: &str) -> Option<Timetable> {
        let texts: Vec<_> = self
            .fields
            .iter()
            .map(|field| field.text.as_str())
            .collect();
        cron(&texts.join(" "), zone).ok()
    }

    fn matches(&self, wall: NaiveDateTime) -> bool {
        let [minute, hour, day, month, weekday] = &self.fields;
        let day_matches = day.numbers.contains(&wall.day());
        let weekday_matches = weekday
            .numbers
            .contains(&wall.weekday().num_days_from_sunday());
        // Both given: either will do.
        let date = match (day.text == "*", weekday.text == "*") {
            (false, false) => day_matches || weekday_matches,
            _ => day_matches && weekday_matches,
        };
        date && month.numbers.contains(&wall.month())
            && hour.numbers.contains(&wall.hour())
            && minute.numbers.contains(&wall.minute())
    }

    fn real_time(&self) -> bool {
        self.fields[1].text.starts_with('*') || self.fields[1].numbers.len() == 24
    }

    /// Minute by minute, as somebody with the expression and a wall clock would.
    fn walk(&self, zone: Tz, from: DateTime<Utc>, until: DateTime<Utc>) -> Vec<DateTime<Utc>> {
        let minute = TimeDelta::minutes(1);
        let wall = |at: DateTime<Utc>| at.with_timezone(&zone).naive_local();
        // The wall clock has never shown a later time than this. Two days back, since it may have.
        let mut latest = (0..2 * 24 * 60)
            .map(|back| wall(from - minute * back))
            .max()
            .unwrap();
        let mut ticks = Vec::new();
        let mut at = from + minute;
        while at <= until {
            let shows = wall(at);
            if self.real_time() {
                if self.matches(shows) {
                    ticks.push(at);
                }
            } else {
                let mut new = latest + minute;
                let mut due = false;
                while new <= shows {
                    due |= self.matches(new);
                    new += minute;
                }
                if due {
                    ticks.push(at);
                }
                latest = latest.max(shows);
            }
            at += minute;
        }
        ticks
    }
}

pub(super) fn cron(expression: &str, timezone: &str) -> Result<Timetable, crate::model::Fault> {
    let timing = Timing::Cron {
        expression: expression.to_owned(),
        timezone: timezone.to_owned(),
    };
    Timetable::new(&timing, DateTime::UNIX_EPOCH)
}

pub(super) fn every(seconds: u64, created_at: DateTime<Utc>) -> Timetable {
    Timetable::new(&Timing::Every(Duration::from_secs(seconds)), created_at).unwrap()
}

pub(super) fn at(text: &str) -> DateTime<Utc> {
    text.parse().unwrap()
}

/// The ticks after `from` up to `until`.
pub(super) fn ticks(
    table: &Timetable,
    from: DateTime<Utc>,
    until: DateTime<Utc>,
) -> Vec<DateTime<Utc>> {
    std::iter::successors(table.next_after(from), |tick| table.next_after(*tick))
        .take_while(|tick| *tick <= until)
        .collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(250))]

    #[test]
    fn cron_agrees_with_a_walk_over_all_minutes(
        expression in expression(), place in select(&PLACES[..]), start in -2000_i64..1000, second in 0_i64..60
    ) {
        let (zone, change) = place;
        let table = expression.table(zone).unwrap();
        let zone: Tz = zone.parse().unwrap();
        let from = at(change) + TimeDelta::minutes(start);
        let until = from + TimeDelta::days(2);
        let expected = expression.walk(zone, from, until);
        prop_assert_eq!(ticks(&table, from, until), expected.clone());
        // From any moment, forwards and backwards, and never the moment itself.
        for (index, tick) in expected.iter().enumerate() {
            let between = *tick + TimeDelta::milliseconds(second * 1000 + 1);
            prop_assert_eq!(table.last_until(between), Some(*tick));
            prop_assert_eq!(table.last_until(*tick), Some(*tick));
            if let Some(next) = expected.get(index + 1) {
                prop_assert_eq!(table.next_after(between), Some(*next));
                prop_assert_eq!(table.last_until(*next - TimeDelta::milliseconds(1)), Some(*tick));
            }
        }
    }

    #[test]
    fn ticks_increase_from_any_moment_on(
        expression in expression(), place in select(&PLACES[..]), start in 0_i64..2_000_000_000
    ) {
        let table = expression.table(place.0).unwrap();
        let mut last = DateTime::from_timestamp(start, 0).unwrap();
        for tick in table.upcoming(last, 20) {
            prop_assert!(tick > last, "{} after {}", tick, last);
            prop_assert_eq!(table.last_until(tick - TimeDelta::seconds(1)).is_some_and(|it| it > last), false);
            prop_assert_eq!(tick.timestamp_subsec_nanos(), 0);
            last = tick;
        }
    }

    #[test]
    fn intervals_are_exact(seconds in 1_u64..10_000_000, created in 0_i64..4_000_000_000_000, after in -1000_i64..4_000_000_000_000) {
        let created = DateTime::from_timestamp_millis(created).unwrap();
        let moment = created + TimeDelta::milliseconds(after);
        let table = every(seconds, created);
        let origin = i128::from(created.timestamp());
        let (step, now) = (i128::from(seconds), i128::from(moment.timestamp_millis()));
        let number = (1_i128.max((now - origin * 1000).div_euclid(step * 1000) + 1)) * step + origin;
        let next = table.next_after(moment).unwrap();
        prop_assert_eq!(i128::from(next.timestamp()), number);
        prop_assert_eq!(next.timestamp_subsec_nanos(), 0);
        prop_assert!(next > moment);
        let before = number - step;
        prop_assert_eq!(table.last_until(moment).map(|at| i128::from(at.timestamp())), (before > origin).then_some(before));
    }

    #[test]
    fn missed_ticks_are_dealt_with_as_ordered(
        seconds in 1_u64..400, next in 1_i64..50, late in -500_i64..20_000, limit in 1_u32..20,
        misfire in select(&Misfire::ALL[..])
    ) {
        let created = at("2026-11-24T12:00:00Z");
        let table = every(seconds, created);
        let interval = TimeDelta::seconds(i64::try_from(seconds).unwrap());
        let next_at = created + interval * i32::try_from(next).unwrap();
        let now = next_at + TimeDelta::seconds(late);
        let plan = due(&table, next_at, (misfire, limit), now);
        let all: Vec<_> = ticks(&table, next_at - TimeDelta::seconds(1), now);
        let grace = interval.min(TimeDelta::seconds(60));
        let (missed, on_time): (Vec<_>, Vec<_>) = all.iter().partition(|tick| now - **tick > grace);
        let kept = match misfire {
            Misfire::Skip => 0,
            Misfire::Once => 1,
            Misfire::All => limit as usize,
        };
        let dropped = missed.len().saturating_sub(kept);
        let expected: Vec<_> = missed[dropped..].iter().chain(&on_time).copied().collect();
        prop_assert_eq!(&plan.ticks, &expected);
        let newest_dropped = dropped.checked_sub(1).map(|index| missed[index]);
        if misfire == Misfire::Once {
            prop_assert_eq!(plan.for_all, newest_dropped.map(|_| missed[dropped]));
            prop_assert_eq!(plan.skipped, None);
        } else {
            prop_assert_eq!((plan.for_all, plan.skipped), (None, newest_dropped));
        }
        prop_assert_eq!(plan.next_at, Some(table.next_after(now).unwrap().max(next_at)));
    }
}
