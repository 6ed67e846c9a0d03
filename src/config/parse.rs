//! Owns turning a setting's text into its value. Every function answers `None` for what is not allowed.
//! Must not know: which setting has which value.

use std::{
    net::{IpAddr, Ipv4Addr},
    ops::RangeInclusive,
    str::FromStr,
    time::Duration,
};

use super::Secret;

pub(super) fn host(text: &str) -> Option<IpAddr> {
    if text.eq_ignore_ascii_case("localhost") {
        return Some(Ipv4Addr::LOCALHOST.into());
    }
    text.parse().ok()
}

/// A whole number without sign, within bounds.
pub(super) fn number<N: FromStr + PartialOrd>(
    bounds: RangeInclusive<N>,
) -> impl Fn(&str) -> Option<N> {
    move |text| {
        let digits = text.bytes().all(|byte| byte.is_ascii_digit());
        text.parse()
            .ok()
            .filter(|number| digits && bounds.contains(number))
    }
}

pub(super) fn seconds(bounds: RangeInclusive<u64>) -> impl Fn(&str) -> Option<Duration> {
    let number = number(bounds);
    move |text| number(text).map(Duration::from_secs)
}

pub(super) fn text(text: &str) -> Option<String> {
    let sound = !text.is_empty() && !text.contains(char::is_control);
    sound.then(|| text.to_owned())
}

/// `parse` of what is not empty.
pub(super) fn optional<T>(parse: impl Fn(&str) -> Option<T>) -> impl Fn(&str) -> Option<Option<T>> {
    move |text| {
        if text.is_empty() {
            Some(None)
        } else {
            parse(text).map(Some)
        }
    }
}

/// Elements separated by commas, spaces around them ignored, none empty.
pub(super) fn list<T>(parse: impl Fn(&str) -> Option<T>) -> impl Fn(&str) -> Option<Vec<T>> {
    move |text| {
        if text.trim().is_empty() {
            return Some(Vec::new());
        }
        text.split(',')
            .map(|element| parse(element.trim()))
            .collect()
    }
}

pub(super) fn queue(text: &str) -> Option<String> {
    let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_';
    let sound = text.len() <= 64
        && text.starts_with(|first: char| first.is_ascii_lowercase())
        && text.bytes().all(plain);
    sound.then(|| text.to_owned())
}

pub(super) fn token(text: &str) -> Option<Secret> {
    let sound =
        (16..=200).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic());
    sound.then(|| Secret::new(text))
}

/// Scheme, host and maybe a port, as a browser sends it; or `*`.
pub(super) fn origin(text: &str) -> Option<String> {
    if text == "*" {
        return Some(text.to_owned());
    }
    let (scheme, authority) = text.split_once("://")?;
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b".-:[]".contains(&byte);
    let sound = matches!(scheme, "http" | "https")
        && authority.starts_with(|first: char| first.is_ascii_alphanumeric() || first == '[')
        && authority.bytes().all(plain);
    sound.then(|| text.to_ascii_lowercase())
}

pub(super) fn mail_from(text: &str) -> Option<String> {
    let address = match text.split_once('<') {
        Some((_, rest)) => rest.strip_suffix('>')?,
        None => text,
    };
    let (local, domain) = address.rsplit_once('@')?;
    let sound = !local.is_empty() && !domain.is_empty() && !text.contains(char::is_control);
    sound.then(|| text.to_owned())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn numbers_are_whole_and_bounded() {
        let port = number(0..=65_535_u16);
        assert_eq!(port("0"), Some(0));
        assert_eq!(port("65535"), Some(65_535));
        for wrong in [
            "", "-1", "+1", "65536", "1.5", " 1", "1e3", "0x10", "٣", "eighty",
        ] {
            assert_eq!(port(wrong), None, "{wrong:?}");
        }
    }

    #[test]
    fn lists_have_no_empty_elements() {
        let queues = list(queue);
        assert_eq!(queues(" "), Some(vec![]));
        assert_eq!(
            queues("a, b_2"),
            Some(vec!["a".to_owned(), "b_2".to_owned()])
        );
        for wrong in ["a,,b", ",", "a,", "A", "2a", "a b", "a;b"] {
            assert_eq!(queues(wrong), None, "{wrong:?}");
        }
    }

    #[test]
    fn origins_are_what_browsers_send() {
        for right in [
            "*",
            "http://localhost:3000",
            "https://App.example.com",
            "http://[::1]:80",
        ] {
            assert!(origin(right).is_some(), "{right}");
        }
        for wrong in [
            "example.com",
            "ftp://x",
            "https://",
            "https://x/",
            "https://x y",
            "null",
        ] {
            assert_eq!(origin(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn senders_are_addresses() {
        for right in ["a@b", "Ada <ada@example.com>"] {
            assert!(mail_from(right).is_some(), "{right}");
        }
        for wrong in [
            "",
            "ada",
            "Ada <ada>",
            "Ada <a@b",
            "a@b\r\nBcc: c@d",
            "@b",
            "a@",
        ] {
            assert_eq!(mail_from(wrong), None, "{wrong:?}");
        }
    }

    proptest! {
        #[test]
        fn nothing_panics(input in "\\PC*") {
            let _ = (host(&input), queue(&input), token(&input), origin(&input));
            let _ = (mail_from(&input), list(queue)(&input));
            let _ = super::super::secret::without_password(&input);
            let _ = super::super::file::parse(&input);
        }
    }
}
