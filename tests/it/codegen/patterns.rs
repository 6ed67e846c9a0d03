//! Patterns in the generated types.

use super::{SMALL, generator};

fn types(pattern: &str) -> String {
    let text = SMALL.replace("'^[a-z]+$'", pattern);
    assert!(text.contains(pattern), "{pattern}");
    let spec = generator::load(&text).unwrap();
    generator::client(&spec).unwrap()["types.rs"].clone()
}

#[test]
fn types_check_with_the_engine_of_the_validator() {
    let types = types("'^[a-z]+$'");
    assert!(types.contains(r#"::regex::Regex::new("^[a-z]+$").unwrap()"#));
    assert!(types.contains("if !PATTERN.is_match(value) {"));
    assert!(!types.contains("regress"));
}

/// Digits of `ECMAScript` are ten, the engine's are some hundred.
#[test]
fn a_pattern_means_what_it_means_in_the_contract() {
    let types = types(r"'^\d[\w/]\cA$'");
    let compiled = r#"::regex::Regex::new("^[0-9][[A-Za-z0-9_]/]\u{1}$")"#;
    assert!(types.contains(compiled), "{types}");
    // What a refusal says is what the contract says.
    assert!(
        types.contains(r#"doesn't match pattern \"^\\d[\\w/]\\cA$\""#),
        "{types}"
    );
}
