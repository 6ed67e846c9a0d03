//! Owns checking requests against the contract: every rule and sentence, three modes, hostile bodies.
//! Must not know: a server.

mod bodies;
mod documents;
mod hostile;
mod modes;
mod parameters;
mod properties;

use std::sync::LazyLock;

use http::{HeaderMap, HeaderValue, header::CONTENT_TYPE};
use lockstep::{
    contract,
    model::Fault,
    validation::{Checked, Mode, RawRequest, Validator, Values},
};
use serde_json::Value;

type Outcome = Result<Checked<'static>, Vec<Fault>>;

/// The validator of a mode, over the real contract.
fn validator(mode: Mode) -> &'static Validator {
    static ALL: LazyLock<[Validator; 3]> =
        LazyLock::new(|| Mode::ALL.map(|mode| Validator::new(contract::document(), mode).unwrap()));
    ALL.iter().find(|one| one.mode() == mode).unwrap()
}

fn json_headers() -> HeaderMap {
    HeaderMap::from_iter([(CONTENT_TYPE, HeaderValue::from_static("application/json"))])
}

/// An operation that takes only a body.
fn body(mode: Mode, operation: &str, body: impl AsRef<[u8]>) -> Outcome {
    let input = RawRequest {
        path: "/",
        query: None,
        headers: &json_headers(),
        body: Some(body.as_ref()),
    };
    validator(mode).request(operation, &input)
}

/// The values of one place as one object.
fn object(values: Values<'_>) -> Value {
    values.typed().unwrap()
}

fn faults(outcome: &Outcome) -> Vec<(&str, &str)> {
    match outcome {
        Ok(_) => Vec::new(),
        Err(faults) => faults
            .iter()
            .map(|fault| (fault.pointer.as_str(), fault.message.as_str()))
            .collect(),
    }
}
