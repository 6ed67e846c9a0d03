//! Patterns in the generated types.

use lockstep_client::types;
use proptest::prelude::*;
use regex::Regex;

use super::{SMALL, generator};

fn types_of(pattern: &str) -> String {
    let text = SMALL.replace("'^[a-z]+$'", pattern);
    assert!(text.contains(pattern), "{pattern}");
    let spec = generator::load(&text).unwrap();
    generator::client(&spec).unwrap()["types.rs"].clone()
}

#[test]
fn types_check_with_the_engine_of_the_validator() {
    let types = types_of("'^[a-z]+b$'");
    assert!(types.contains(r#"::regex::Regex::new("^[a-z]+b$").unwrap()"#));
    assert!(types.contains("if !PATTERN.is_match(value) {"));
    assert!(!types.contains("regress"));
}

#[test]
fn a_pattern_of_one_class_needs_no_engine() {
    let types = types_of(r"'^[^,\x00-\x1f]+$'");
    assert!(!types.contains("Regex"), "{types}");
    let bytes =
        "value.is_empty() || !value.bytes().all(|one| matches!(one, 32u8..= 43u8 | 45u8..= 255u8))";
    assert!(on_one_line(&types).contains(bytes), "{types}");
}

/// Bytes say the same as characters only where all beyond ASCII is alike.
#[test]
fn a_class_that_parts_what_is_beyond_ascii_looks_at_characters() {
    let alike = types_of(r"'^[^\x00-\x1f\x7f]+$'");
    let bytes = "value.is_empty() || !value.bytes().all(|one| matches!(one, 32u8..= 126u8 | 128u8..= 255u8))";
    assert!(on_one_line(&alike).contains(bytes), "{alike}");
    for (pattern, class) in [
        (r"'^[a-zß-ÿ]+$'", r"'a'..= 'z' | 'ß'..= 'ÿ'"),
        (r"'^[^\x00-\x9f]+$'", r"'\u{a0}'..= '\u{10ffff}'"),
        (r"'^[~-ÿ]+$'", r"'~'..= 'ÿ'"),
    ] {
        let types = types_of(pattern);
        let chars = format!("value.is_empty() || !value.chars().all(|one| matches!(one, {class}))");
        assert!(on_one_line(&types).contains(&chars), "{types}");
    }
}

/// Characters are counted where bytes do not tell.
#[test]
fn lengths_are_asked_of_bytes_first() {
    let types = on_one_line(&types_of("'^[a-z]+$'"));
    assert!(types.contains("value.len() > 10usize && value.chars().count() > 10usize"));
    assert!(
        types.contains("if value.is_empty() { return Err"),
        "{types}"
    );
    let text = SMALL.replace(
        "      minLength: 1\n      maxLength: 10\n",
        "      minLength: 2\n      maxLength: 10\n",
    );
    let spec = generator::load(&text).unwrap();
    let types = on_one_line(&generator::client(&spec).unwrap()["types.rs"]);
    assert!(
        types.contains("if value.chars().count() < 2usize"),
        "{types}"
    );
}

fn on_one_line(types: &str) -> String {
    let words: Vec<_> = types.split_whitespace().collect();
    words.join(" ").replace(" .", ".")
}

proptest! {
    /// Of the contract's own types, whose patterns are these.
    #[test]
    fn without_an_engine_the_same_passes(
        text in prop_oneof![any::<String>(), "[ -~]{0,8}[\x00-\x20,\x7f\u{80}]?[ -~]{0,8}"],
    ) {
        prop_assume!(text.chars().count() <= 50);
        let of = |pattern: &str| Regex::new(pattern).unwrap().is_match(&text);
        prop_assert_eq!(text.parse::<types::UserName>().is_ok(), of(r"^[^\x00-\x1f\x7f]+$"));
        prop_assert_eq!(text.parse::<types::JobTag>().is_ok(), of(r"^[^,\x00-\x1f\x7f]+$"));
    }
}

/// What looks like one and is none.
#[test]
fn other_patterns_keep_their_engine() {
    for pattern in [
        "'^[a-z]*$'",
        "'[a-z]+$'",
        "'^[a-z]+'",
        "'^[a-z]{1,3}$'",
        "'^[a-z]+[0-9]$'",
        "'^(?:[a-z]+|1)$'",
    ] {
        let types = types_of(pattern);
        assert!(types.contains("if !PATTERN.is_match(value) {"), "{pattern}");
    }
}

/// Digits of `ECMAScript` are ten, the engine's are some hundred.
#[test]
fn a_pattern_means_what_it_means_in_the_contract() {
    let types = types_of(r"'^\d[\w/]\cA$'");
    let compiled = r#"::regex::Regex::new("^[0-9][[A-Za-z0-9_]/]\u{1}$")"#;
    assert!(types.contains(compiled), "{types}");
    // What a refusal says is what the contract says.
    assert!(
        types.contains(r#"doesn't match pattern \"^\\d[\\w/]\\cA$\""#),
        "{types}"
    );
}
