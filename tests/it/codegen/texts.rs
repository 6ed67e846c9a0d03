//! Checked texts in the generated types.

use lockstep_client::types::UserName;
use proptest::prelude::*;
use serde::{
    Deserialize,
    de::value::{Error, StringDeserializer},
};
use serde_json::{from_str, from_value, json};

/// However it comes, the same is checked, and a text that somebody owns stays where it is.
fn the_same_of_each(text: &str) -> Result<(), TestCaseError> {
    let owned = text.to_owned();
    let place = owned.as_ptr();
    let kept = UserName::try_from(owned);
    if let Ok(kept) = &kept {
        prop_assert!(kept.as_ptr() == place && kept.as_str() == text);
    }
    let owned = text.to_owned();
    let place = owned.as_ptr();
    if let Ok(read) = UserName::deserialize(StringDeserializer::<Error>::new(owned)) {
        prop_assert!(read.as_ptr() == place && kept.is_ok());
    }
    let error = kept.as_ref().err().map(ToString::to_string);
    let of = |other: Result<UserName, _>| {
        other.map_err(|error: lockstep_client::types::error::ConversionError| error.to_string())
    };
    prop_assert_eq!(of(text.parse()).err(), error.clone());
    prop_assert_eq!(of(UserName::try_from(text)).err(), error.clone());
    let value = json!(text);
    prop_assert_eq!(
        from_str::<UserName>(&value.to_string()).is_ok(),
        error.is_none()
    );
    prop_assert_eq!(from_value::<UserName>(value).ok(), kept.ok());
    Ok(())
}

proptest! {
    #[test]
    fn an_owned_text_is_checked_where_it_is(text in "[ -~\u{80}-\u{ff}]{0,120}\x07?") {
        the_same_of_each(&text)?;
    }
}

#[test]
fn bounds_are_kept() {
    for (length, passes) in [(0, false), (1, true), (100, true), (101, false)] {
        for one in ["e", "é", "語", "𝄞"] {
            let name = UserName::try_from(one.repeat(length));
            assert_eq!(name.is_ok(), passes, "{length} × {one}");
        }
    }
}
