//! Owns what a text of a format is, where the types that follow are narrower or wider than JSON Schema's libraries.
//! Must not know: schemas.

use chrono::{DateTime, Datelike, NaiveDate, Timelike, Utc};

/// RFC 3339, no leap second, and between the years 1 and 9999 in UTC: what can be stored and shown again.
pub(super) fn is_date_time(text: &str) -> bool {
    let separated = matches!(text.as_bytes().get(10), Some(b'T' | b't'));
    separated
        && text.is_ascii()
        && DateTime::parse_from_rfc3339(text).is_ok_and(|time| {
            let time = time.with_timezone(&Utc);
            (1..=9999).contains(&time.year()) && time.nanosecond() < 1_000_000_000
        })
}

/// `2026-01-31`, between the years 1 and 9999.
pub(super) fn is_date(text: &str) -> bool {
    text.len() == 10
        && text
            .bytes()
            .all(|byte| byte == b'-' || byte.is_ascii_digit())
        && NaiveDate::parse_from_str(text, "%Y-%m-%d")
            .is_ok_and(|date| (1..=9999).contains(&date.year()))
}

/// The hyphenated form only.
pub(super) fn is_uuid(text: &str) -> bool {
    text.len() == 36 && uuid::Uuid::try_parse(text).is_ok()
}

/// How a sentence calls a format.
pub(super) fn called(format: &str) -> &str {
    match format {
        "date" => "a date such as 2026-01-31",
        "date-time" => "a date and time such as 2026-01-31T09:30:00Z",
        "email" => "an e-mail address",
        "hostname" => "a host name",
        "ipv4" => "an IPv4 address",
        "ipv6" => "an IPv6 address",
        "uri" => "a URI",
        "uuid" => "a UUID",
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn date_times() {
        for good in [
            "2026-01-31T09:30:00Z",
            "2026-01-31t09:30:00.123456789z",
            "2026-01-31T09:30:00+09:00",
            "2024-02-29T00:00:00-00:00",
        ] {
            assert!(is_date_time(good), "{good}");
            assert!(good.parse::<DateTime<Utc>>().is_ok(), "{good}");
        }
        for bad in [
            "",
            "tomorrow",
            "2026-01-31",
            "2026-01-31T09:30:00",
            "2026-01-31 09:30:00Z",
            "2026-02-30T00:00:00Z",
            "2026-01-31T24:00:00Z",
            "2026-01-31T23:59:60Z",
            "0000-01-01T00:00:00Z",
            "0001-01-01T00:00:00+01:00",
            "9999-12-31T23:59:59-01:00",
            "+12026-01-31T09:30:00Z",
            " 2026-01-31T09:30:00Z",
            "2026-01-31T09:30:00Z ",
            "2026-01-31T09:30:00+0900",
        ] {
            assert!(!is_date_time(bad), "{bad}");
        }
    }

    #[test]
    fn dates_and_uuids() {
        assert!(is_date("2024-02-29"));
        for bad in [
            "2025-02-29",
            "2024-2-9",
            "0000-01-01",
            "20240229",
            "2024-02-29 ",
        ] {
            assert!(!is_date(bad), "{bad}");
        }
        assert!(is_uuid("67e55044-10b1-426f-9247-bb680e5fe0c8"));
        for bad in [
            "67e5504410b1426f9247bb680e5fe0c8",
            "{67e55044-10b1-426f-9247-bb680e5fe0c8}",
            "67e55044-10b1-426f-9247-bb680e5fe0c",
        ] {
            assert!(!is_uuid(bad), "{bad}");
        }
    }
}
