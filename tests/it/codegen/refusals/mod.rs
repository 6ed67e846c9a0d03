//! What the style does not have is refused, with its place and the reason.

mod answers;
mod jobs;
mod operations;
mod reading;
mod schemas;

use super::{SMALL, generator};

/// (what is replaced, by what, place of the refusal, words of the reason)
type Case = (&'static str, &'static str, &'static str, &'static str);

#[test]
fn each_has_its_place_and_reason() {
    let cases = [
        reading::READING,
        operations::OPERATIONS,
        answers::ANSWERS,
        schemas::SCHEMAS,
        jobs::JOBS,
    ]
    .concat();
    let wrong: Vec<_> = cases.into_iter().filter_map(surprise).collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// What went otherwise than the case says.
fn surprise((from, to, place, reason): Case) -> Option<String> {
    assert!(SMALL.contains(from), "{from:?} is in the document");
    let wanted = format!("{from:?} → {to:?}: want {place}: {reason}");
    let Err(refused) = generator::load(&SMALL.replacen(from, to, 1)) else {
        return Some(format!("{wanted}\nbut it was taken"));
    };
    let fits =
        |refusal: &generator::Refusal| refusal.place == place && refusal.reason.contains(reason);
    (!refused.0.iter().any(fits)).then(|| format!("{wanted}\nbut {refused}"))
}

#[test]
fn all_reasons_are_reported_at_once() {
    let broken = SMALL
        .replacen("      maxLength: 10\n", "", 1)
        .replacen("          maxItems: 3\n", "", 1)
        .replacen("in: header", "in: cookie", 1);
    let refused = generator::load(&broken).unwrap_err();
    assert_eq!(refused.0.len(), 3, "{refused}");
    let message = refused.to_string();
    assert!(
        message.starts_with("the document is refused:\n  /components/schemas/Name/maxLength: "),
        "{message}"
    );
}

#[test]
fn names_of_properties_are_no_keywords() {
    let named = SMALL
        .replacen("        made_at:", "        default:\n          $ref: '#/components/schemas/Color'\n        x-ray:\n          type: boolean\n        made_at:", 1);
    generator::load(&named).unwrap();
    let dangling = named.replacen(
        "        default:\n          $ref: '#/components/schemas/Color'",
        "        default:\n          $ref: '#/components/schemas/Colour'",
        1,
    );
    let refused = generator::load(&dangling).unwrap_err();
    assert_eq!(
        refused.0[0].place,
        "/components/schemas/Thing/properties/default/$ref"
    );
}

#[test]
fn what_is_no_document_at_all_is_refused_in_words() {
    for text in [
        "",
        "5",
        "[]",
        "null",
        "openapi: {}",
        "\u{0}",
        "{",
        "a: &a [*a]",
    ] {
        let refused = generator::load(text).unwrap_err();
        assert!(!refused.0.is_empty(), "{text:?}");
    }
}
