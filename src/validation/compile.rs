//! Owns compiling the contract's schemas, once, at start.
//! Must not know: requests.

use jsonschema::{Draft, EmailOptions, PatternOptions, Registry};
use serde_json::{Map, Value};

use super::{Mode, formats, translate};

/// The contract cannot be checked against. A fault of the contract: the program must not start.
#[derive(Debug, thiserror::Error)]
pub enum ValidatorError {
    #[error("the contract has no {0}")]
    Missing(&'static str),
    #[error("{place}: {keyword} is not supported")]
    Keyword { place: String, keyword: String },
    #[error("{place}: the schema cannot be compiled")]
    Schema {
        place: String,
        #[source]
        source: Box<jsonschema::ValidationError<'static>>,
    },
    #[error("the component schemas cannot be read together")]
    References(#[source] Box<jsonschema::ReferencingError>),
    #[error(
        "{0}: a parameter is an integer, a number, a boolean or a string in the path, the query or a header"
    )]
    Parameter(String),
    #[error("{0}: a parameter of the path must be a whole segment of it")]
    Variable(String),
}

/// Compiles schemas that refer to the contract's components.
pub(super) struct Compiler<'d> {
    registry: Registry<'d>,
    mode: Mode,
}

impl<'d> Compiler<'d> {
    /// `resource` is all component schemas, translated.
    pub(super) fn new(resource: &'d Value, mode: Mode) -> Result<Self, ValidatorError> {
        let registry = Registry::new()
            .draft(Draft::Draft4)
            .add(translate::RESOURCE, resource)
            .and_then(jsonschema::RegistryBuilder::prepare)
            .map_err(|error| ValidatorError::References(Box::new(error)))?;
        Ok(Self { registry, mode })
    }

    /// A schema as the contract writes it. `place` is for the error only.
    pub(super) fn compile(
        &self,
        place: &str,
        written: &Value,
    ) -> Result<jsonschema::Validator, ValidatorError> {
        let schema =
            translate::schema(written, self.mode).map_err(|unknown| ValidatorError::Keyword {
                place: place.to_owned(),
                keyword: unknown.0,
            })?;
        self.build(place, &schema)
    }

    /// A component schema.
    pub(super) fn component(&self, name: &str) -> Result<jsonschema::Validator, ValidatorError> {
        self.build(name, &translate::reference(name))
    }

    fn build(&self, place: &str, schema: &Value) -> Result<jsonschema::Validator, ValidatorError> {
        jsonschema::options()
            .with_draft(Draft::Draft4)
            .with_registry(&self.registry)
            .should_validate_formats(true)
            // A format that nobody checks would be a promise that nobody keeps.
            .should_ignore_unknown_formats(false)
            .with_format("date", formats::is_date)
            .with_format("date-time", formats::is_date_time)
            .with_format("uuid", formats::is_uuid)
            // An address alone: no "Ada <ada@example.com>", and no way round the names of hosts.
            .with_email_options(
                EmailOptions::default()
                    .without_display_text()
                    .without_domain_literal(),
            )
            // Linear in the input, whatever the pattern.
            .with_pattern_options(PatternOptions::regex())
            .build(schema)
            .map_err(|error| ValidatorError::Schema {
                place: place.to_owned(),
                source: Box::new(error),
            })
    }
}

/// The component schemas as the contract writes them.
pub(super) fn components(document: &Value) -> Result<&Map<String, Value>, ValidatorError> {
    document["components"]["schemas"]
        .as_object()
        .ok_or(ValidatorError::Missing("components.schemas"))
}

/// All component schemas, translated.
pub(super) fn resource(document: &Value, mode: Mode) -> Result<Value, ValidatorError> {
    translate::resource(components(document)?, mode).map_err(|(place, unknown)| {
        ValidatorError::Keyword {
            place,
            keyword: unknown.0,
        }
    })
}
