//! Owns reading a document for comparison: any OpenAPI 3.0 document, YAML or JSON, not only ones in our style.
//! Must not know: what is compared.

use std::{fs, io, path::Path};

use openapiv3::OpenAPI;
use serde_json::Value;

/// Why a document cannot be compared.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    #[error("cannot read the file")]
    File(#[source] io::Error),
    #[error("not YAML or JSON: {0}")]
    Syntax(String),
    #[error("OpenAPI {0} is not supported, only 3.0")]
    Version(String),
    #[error("not an OpenAPI document")]
    NotOpenApi(#[source] serde_json::Error),
}

/// Reads an OpenAPI 3.0 document from a file.
pub fn read(path: impl AsRef<Path>) -> Result<Value, ReadError> {
    parse(&fs::read_to_string(path).map_err(ReadError::File)?)
}

/// Reads an OpenAPI 3.0 document from text. JSON is YAML, too.
pub fn parse(text: &str) -> Result<Value, ReadError> {
    let options = serde_saphyr::options! { strict_booleans: true };
    let document: Value = serde_saphyr::from_str_with_options(text, options)
        .map_err(|error| ReadError::Syntax(error.to_string()))?;
    let version = document["openapi"].as_str().unwrap_or("without a version");
    if !version.starts_with("3.0.") {
        return Err(ReadError::Version(version.to_owned()));
    }
    serde_json::from_value::<OpenAPI>(document.clone()).map_err(ReadError::NotOpenApi)?;
    Ok(document)
}
