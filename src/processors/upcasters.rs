//! Owns how payloads that older schemas accepted become current ones (docs/ADDING-A-JOB-TYPE.md, "Changing a payload").
//! Must not know: SQL, HTTP, or when a payload is read.

use crate::queue::{UpcasterError, Upcasters};

/// Of every declared job type, newest first. No payload has changed since the first release, so there are none yet:
///
/// ```text
/// Upcasters::new()
///     .to_current::<jobs::DataExport>("3f0c9a…", |mut payload| {
///         let members = payload.as_object_mut().ok_or("not an object")?;
///         members.entry("formats").or_insert_with(|| json!(["json"]));
///         Ok(payload)
///     })?
///     .unchanged::<jobs::DataAnalysis>("81d2e7…")
/// ```
pub fn upcasters() -> Result<Upcasters, UpcasterError> {
    Ok(Upcasters::new())
}
