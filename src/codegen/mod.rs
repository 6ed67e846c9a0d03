//! Owns the generator: openapi.yaml → Rust. Compiled by both build scripts and by the golden tests.
//! Must not know the rest of this crate: it names its parts only in the text that it writes.
//!
//! ```text
//! text ─ read ─▶ Value ─ lint ─▶ Spec ─┬─ types        wire types and the client
//!                                      ├─ server       operations: markers, trait, registration
//!                                      ├─ jobs         job-type markers, policies, registry
//!                                      └─ document     the document and its schemas, for run time
//! ```

mod document;
mod fingerprint;
mod jobs;
mod length;
mod lint;
mod lint_operation;
mod names;
mod pattern;
mod read;
mod reference;
mod refusal;
mod schema_lint;
mod server;
mod spec;
mod text;
mod types;
mod xjob;

use std::{collections::BTreeMap, fs, path::Path};

pub use fingerprint::fingerprint;
pub use refusal::{Refusal, Refused};
pub use spec::{Body, Operation, Parameter, Place, Response, Spec};
pub use xjob::{BackoffKind, JobDeclaration};

/// Generated files by name, for the folder that cargo gives a build script.
pub type Files = BTreeMap<&'static str, String>;

/// Reads a document in the restricted style (docs/CONTRACT-STYLE.md) and refuses everything else, all at once.
pub fn load(text: &str) -> Result<Spec, Refused> {
    let document = read::read(text)?;
    lint::lint(&document)?;
    Spec::new(document)
}

/// What the client crate compiles: `types.rs` and `client.rs`.
pub fn client(spec: &Spec) -> Result<Files, Refused> {
    let generated = types::generate(spec)?;
    Ok(Files::from([
        ("types.rs", generated.types),
        ("client.rs", generated.client),
    ]))
}

/// What the server compiles: `jobs.rs` and `document.rs` (module `contract`), `operations.rs` (module `api`).
pub fn contract(spec: &Spec) -> Result<Files, Refused> {
    Ok(Files::from([
        ("jobs.rs", jobs::generate(spec)?),
        ("document.rs", document::generate(spec)?),
        ("operations.rs", server::generate(spec)?),
    ]))
}

/// Writes the files whose content has changed, so that nothing is compiled twice for nothing.
pub fn write(folder: &Path, files: &Files) -> std::io::Result<()> {
    for (name, content) in files {
        let path = folder.join(name);
        if fs::read_to_string(&path).ok().as_ref() != Some(content) {
            fs::write(&path, content)?;
        }
    }
    Ok(())
}
