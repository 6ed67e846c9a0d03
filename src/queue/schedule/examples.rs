//! Timetables by example: changes of clocks, forms that people write, what is refused, long absences.

use std::time::Duration;

use chrono::{DateTime, TimeDelta};
use chrono_tz::Tz;

use super::{
    Due, Timetable, due,
    tests::{at, cron, every, ticks},
};
use crate::model::{Misfire, Timing};

/// The local times at which it ticks on these days.
fn days(expression: &str, zone: &str, from: &str, until: &str) -> Vec<String> {
    let table = cron(expression, zone).unwrap();
    let zone: Tz = zone.parse().unwrap();
    ticks(&table, at(from), at(until))
        .into_iter()
        .map(|tick| tick.with_timezone(&zone).format("%d %H:%M %Z").to_string())
        .collect()
}

#[test]
fn what_the_clock_leaps_over_ticks_once_right_after() {
    let berlin = |expression| {
        days(
            expression,
            "Europe/Berlin",
            "2026-03-28T12:00:00Z",
            "2026-03-29T12:00:00Z",
        )
    };
    assert_eq!(berlin("30 2 * * *"), ["29 03:00 CEST"]);
    assert_eq!(berlin("0,15,30 2 * * *"), ["29 03:00 CEST"]);
    assert_eq!(
        berlin("30 1,2,3 * * *"),
        ["29 01:30 CET", "29 03:00 CEST", "29 03:30 CEST"]
    );
    // By real time: an hour is missing on the wall, none in the world.
    assert_eq!(
        &berlin("30 * * * *")[12..15],
        ["29 01:30 CET", "29 03:30 CEST", "29 04:30 CEST"]
    );
    let beirut = days(
        "0 0 * * *",
        "Asia/Beirut",
        "2026-03-28T12:00:00Z",
        "2026-03-29T12:00:00Z",
    );
    assert_eq!(beirut, ["29 01:00 EEST"]);
}

#[test]
fn what_comes_twice_ticks_once_and_real_time_goes_on() {
    let berlin = |expression| {
        days(
            expression,
            "Europe/Berlin",
            "2026-10-24T23:00:00Z",
            "2026-10-25T03:00:00Z",
        )
    };
    assert_eq!(berlin("30 2 * * *"), ["25 02:30 CEST"]);
    assert_eq!(berlin("0,30 2 * * *"), ["25 02:00 CEST", "25 02:30 CEST"]);
    assert_eq!(
        berlin("30 * * * *"),
        [
            "25 01:30 CEST",
            "25 02:30 CEST",
            "25 02:30 CET",
            "25 03:30 CET"
        ]
    );
    let new_york = days(
        "0 1 * * *",
        "America/New_York",
        "2026-11-01T00:00:00Z",
        "2026-11-03T00:00:00Z",
    );
    assert_eq!(new_york, ["01 01:00 EDT", "02 01:00 EST"]);
}

#[test]
fn what_cannot_be_read_is_refused_with_the_field_and_the_reason() {
    let refused = |expression: &str| {
        let fault = cron(expression, "UTC").unwrap_err();
        assert_eq!(fault.pointer, "/cron", "{expression}");
        fault.message
    };
    for (expression, words) in [
        ("", "5 fields"),
        ("   ", "5 fields"),
        ("* * * *", "5 fields"),
        ("* * * * * *", "5 fields"),
        ("0 0 1 1 * 2027", "5 fields"),
        ("60 * * * *", "minute:"),
        ("* 24 * * *", "hour:"),
        ("* * 0 * *", "day of month:"),
        ("* * 32 * *", "day of month:"),
        ("* * * 13 *", "month:"),
        ("* * * FOO *", "month:"),
        ("* * * * 8", "day of week:"),
        ("*/0 * * * *", "minute:"),
        ("30-10 * * * *", "minute:"),
        ("5/10 * * * *", "minute:"),
        ("99 99 * * *", "hour:"),
        ("@reboot", "nicknames"),
        ("0 0 30 2 *", "never matches"),
        ("0 0 31 4,6,9,11 *", "never matches"),
        ("\u{ff11} * * * *", "ASCII"),
    ] {
        let message = refused(expression);

        assert!(message.contains(words), "{expression}: {message}");
    }
    let long = format!("{} * * * *", "1,".repeat(200));
    assert!(refused(&long).contains("at most"));
}

#[test]
fn unknown_zones_and_intervals_out_of_range_are_refused() {
    for zone in ["", "Europe/Atlantis", "europe/berlin ", "+02:00", "CET+1"] {
        assert_eq!(
            cron("* * * * *", zone).unwrap_err().pointer,
            "/timezone",
            "{zone}"
        );
    }
    for interval in [
        Duration::ZERO,
        Duration::from_millis(1500),
        Duration::from_secs(31_622_401),
    ] {
        let fault = Timetable::new(&Timing::Every(interval), DateTime::UNIX_EPOCH).unwrap_err();
        assert_eq!(fault.pointer, "/every_seconds");
    }
}

#[test]
fn the_forms_that_people_write_are_read() {
    let next = |expression: &str| {
        let table = cron(expression, "UTC").unwrap();
        let next = table.next_after(at("2026-11-24T12:00:00Z")).unwrap();
        next.format("%Y-%m-%d %H:%M").to_string()
    };
    for (expression, expected) in [
        ("*/15 * * * *", "2026-11-24 12:15"),
        ("0 8 * * MON-FRI", "2026-11-25 08:00"),
        ("0 8 * * 7", "2026-11-29 08:00"),
        ("@daily", "2026-11-25 00:00"),
        ("0 0 L * *", "2026-11-30 00:00"),
        ("0 0 29 2 *", "2028-02-29 00:00"),
        ("0 0 * feb sun#2", "2027-02-14 00:00"),
        ("0 0 13 * FRI", "2026-11-27 00:00"),
    ] {
        assert_eq!(next(expression), expected, "{expression}");
    }
}

#[test]
fn a_long_absence_costs_no_more_than_a_short_one() {
    // 30 years of seconds: a billion ticks, which nobody walks over.
    let created = at("1996-01-01T00:00:00Z");
    let now = at("2026-01-01T00:00:00Z");
    let table = every(1, created);
    let plan = due(
        &table,
        created + TimeDelta::seconds(1),
        (Misfire::All, 3),
        now,
    );
    let seconds = |back| now - TimeDelta::seconds(back);
    assert_eq!(plan.ticks, [4, 3, 2, 1, 0].map(seconds));
    assert_eq!(plan.skipped, Some(seconds(5)));
    let table = cron("* * * * *", "Europe/Berlin").unwrap();
    let plan = due(&table, created, (Misfire::Once, 1), now);
    assert_eq!(plan.ticks, [120, 60, 0].map(seconds));
    assert_eq!(plan.for_all, Some(seconds(120)));
    assert_eq!(
        due(
            &table,
            now + TimeDelta::seconds(60),
            (Misfire::Once, 1),
            now
        ),
        Due {
            next_at: Some(now + TimeDelta::seconds(60)),
            ..Due::default()
        }
    );
}
