//! Owns the text that carries the document into the program: the document itself, its schemas with the parameters'
//! ones, and the list of operations.
//! Must not know: what is done with them.

use quote::quote;
use serde_json::json;

use super::{Spec, refusal::Refused};

pub(super) fn generate(spec: &Spec) -> Result<String, Refused> {
    let document = spec.document.to_string();
    let schemas = json!(spec.all_schemas()).to_string();
    let version = &spec.version;
    let operations = spec.operations.iter().map(|operation| {
        let (id, method, path) = (&operation.id, &operation.method, &operation.path);
        quote! { OperationInfo { id: #id, method: #method, path: #path } }
    });
    let tokens = quote! {
        /// The contract as JSON, everything that `openapi.yaml` says.
        pub const DOCUMENT_JSON: &str = #document;
        /// Component schemas and, per operation and place, the parameters as one object schema.
        pub const SCHEMAS_JSON: &str = #schemas;
        /// `info.version` of the contract.
        pub const VERSION: &str = #version;
        /// Every operation, by id.
        pub const OPERATIONS: &[OperationInfo] = &[#(#operations),*];
    };
    let file = syn::parse2(tokens).map_err(|error| Refused::one("document", error.to_string()))?;
    Ok(prettyplease::unparse(&file))
}
