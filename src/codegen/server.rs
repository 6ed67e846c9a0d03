//! Owns the text of the server's operations: a marker with its types per operation, the trait with one method per
//! operation, success types, registration. Operations that declare a job type are whole: no handler is wanted.
//! Must not know: how a request is read or answered (src/api).

use std::collections::BTreeSet;

use proc_macro2::{Ident, TokenStream};
use quote::{format_ident, quote};

use super::{Operation, Place, Refused, Spec, names, spec::Response};

pub(super) fn generate(spec: &Spec) -> Result<String, Refused> {
    let schemas: Vec<Ident> = spec
        .schemas
        .keys()
        .map(|name| format_ident!("{name}"))
        .collect();
    let operations = spec.operations.iter().map(operation);
    let methods = spec
        .operations
        .iter()
        .filter(|operation| operation.job.is_none())
        .map(method);
    let registrations = spec.operations.iter().map(registration);
    let mut paths = BTreeSet::new();
    let first_of_path = spec
        .operations
        .iter()
        .filter(|operation| paths.insert(&operation.path));
    let preflights = first_of_path.map(preflight);
    let tokens = quote! {
        use super::{
            context::ApiContext,
            document::{Holder, Place},
            enqueue::{EnqueueOperation, enqueue},
            extract::Received,
            operation::{Failed, Input, Operation, answer},
            reply::{Failure, Reply},
        };
        #[allow(unused_imports, reason = "job types may offer no options")]
        use crate::contract::Chosen;
        use crate::{contract::{jobs, types}, queue::EnqueueOptions};

        /// Stand-ins for the wire types in the document that Dropshot emits: each returns its schema as written.
        pub mod schema {
            super::super::document::schemas!(#(#schemas),*);
        }

        #(#operations)*

        /// What the contract asks of the server: one method per operation. A new operation does not compile without.
        pub(crate) trait Api {
            #(#methods)*
        }

        /// Every operation of the contract.
        pub(super) fn register(
            description: &mut dropshot::ApiDescription<std::sync::Arc<ApiContext>>,
        ) -> Result<(), dropshot::ApiDescriptionRegisterError> {
            #(#registrations)*
            Ok(())
        }

        /// What a browser asks before a page's script may call: OPTIONS of every path.
        pub(super) fn register_preflights(
            description: &mut dropshot::ApiDescription<std::sync::Arc<ApiContext>>,
        ) -> Result<(), dropshot::ApiDescriptionRegisterError> {
            #(#preflights)*
            Ok(())
        }
    };
    let file =
        syn::parse2(tokens).map_err(|error| Refused::one("operations", error.to_string()))?;
    Ok(prettyplease::unparse(&file))
}

/// `CreateUser`, its `impl Operation`, and `CreateUserOk`.
fn operation(operation: &Operation) -> TokenStream {
    let Operation { id, secured, .. } = operation;
    let marker = marker(operation);
    let ok = format_ident!("{marker}Ok");
    let [path, query, header] = Place::ALL.map(|place| parameters_type(operation, place));
    let body = type_or_any(operation.body.as_ref().map(|body| &*body.schema));
    let safe = operation.method == "GET";
    let idempotent = takes_idempotency_key(operation);
    let error = format_ident!(
        "{}",
        operation.errors[0].schema.as_deref().unwrap_or("Error")
    );
    let statuses = operation.errors.iter().map(|response| response.status);
    let parameters = parameters(operation, &marker);
    let extension = operation.paginated.then(|| {
        quote! {
            fn extension() -> dropshot::ExtensionMode {
                dropshot::ExtensionMode::Paginated(serde_json::json!({ "required": [] }))
            }
        }
    });
    let metadata = metadata(&marker, emitted(operation));
    let success = success(&ok, operation);
    let job = job(operation, &marker, &ok);
    let run = run(operation);
    let doc = format!(
        " `{} {}`: {}",
        operation.method, operation.path, operation.summary
    );
    quote! {
        #[doc = #doc]
        #[derive(Debug)]
        pub(crate) struct #marker;

        impl Operation for #marker {
            const ID: &'static str = #id;
            const SECURED: bool = #secured;
            const SAFE: bool = #safe;
            const IDEMPOTENT: bool = #idempotent;
            const ERRORS: &'static [u16] = &[#(#statuses),*];
            type Path = #path;
            type Query = #query;
            type Header = #header;
            type Body = #body;
            type Success = #ok;
            type Error = schema::#error;

            fn parameters() -> Vec<dropshot::ApiEndpointParameter> {
                #parameters
            }

            #extension

            #metadata

            #run
        }

        #success
        #job
    }
}

/// What answers it.
fn run(operation: &Operation) -> TokenStream {
    let handler = format_ident!("{}", operation.id);
    let call = if operation.job.is_some() {
        quote! { enqueue::<Self>(context, input) }
    } else {
        quote! { Api::#handler(context, input) }
    };
    quote! {
        fn run(
            context: &ApiContext,
            input: Input<Self>,
        ) -> impl Future<Output = Result<Self::Success, Failure>> + Send {
            #call
        }
    }
}

fn takes_idempotency_key(operation: &Operation) -> bool {
    operation
        .parameters_in(Place::Header)
        .any(|parameter| parameter.name == "Idempotency-Key")
}

/// Dropshot knows one success: the one with the most to say.
fn emitted(operation: &Operation) -> &Response {
    let first = &operation.success[0];
    let says_more = |response: &&Response| response.headers.len() > first.headers.len();
    operation.success.iter().find(says_more).unwrap_or(first)
}

/// The type of all parameters in one place.
fn parameters_type(operation: &Operation, place: Place) -> TokenStream {
    type_or_any(operation.parameters_type(place).as_deref())
}

/// A type of the contract, or what takes anything.
fn type_or_any(name: Option<&str>) -> TokenStream {
    let named = name.map(|name| format_ident!("{name}"));
    named.map_or_else(
        || quote! { serde::de::IgnoredAny },
        |name| quote! { types::#name },
    )
}

/// What the document says of the request.
fn parameters(operation: &Operation, marker: &Ident) -> TokenStream {
    let places = Place::ALL
        .into_iter()
        .filter(|place| operation.parameters_in(*place).next().is_some());
    let parameters = places.map(|place| {
        let extractor = format_ident!("{}", place.type_suffix());
        quote! { parameters.extend(Place::<#marker, dropshot::#extractor<Holder>>::parameters()); }
    });
    let body_parameter = operation.body.as_ref().map(|body| {
        let body = format_ident!("{}", body.schema);
        quote! { parameters.extend(super::document::body::<schema::#body>()); }
    });
    quote! {
        #[allow(unused_mut, reason = "an operation may have none")]
        let mut parameters = Vec::new();
        #(#parameters)*
        #body_parameter
        parameters
    }
}

/// What the document says of the answer.
fn metadata(marker: &Ident, response: &Response) -> TokenStream {
    let status = response.status;
    let description = &response.description;
    let content = response.schema.as_ref().map_or_else(
        || quote! { dropshot::HttpResponseDeleted },
        |name| {
            let name = format_ident!("{name}");
            quote! { dropshot::HttpResponseOk<schema::#name> }
        },
    );
    let answer = if response.headers.is_empty() {
        content
    } else {
        quote! { dropshot::HttpResponseHeaders<#content, super::document::Headers<#marker>> }
    };
    quote! {
        fn response() -> dropshot::ApiEndpointResponse {
            super::document::response::<#answer>(#status, #description)
        }
    }
}

/// The success type: a constructor per status, named after it.
fn success(ok: &Ident, operation: &Operation) -> TokenStream {
    let constructors = operation.success.iter().map(|response| {
        let name = format_ident!("{}", status_name(response.status));
        let status = response.status;
        let body = response.schema.as_ref().map(|schema| {
            let schema = format_ident!("{schema}");
            quote! { body: &types::#schema, }
        });
        let arguments: Vec<Ident> = response
            .headers
            .keys()
            .map(|header| format_ident!("{}", names::field_name(header)))
            .collect();
        let headers = response.headers.keys().map(|name| name.to_lowercase());
        let own = arguments.len();
        let written = if body.is_some() {
            quote! { Reply::json(#status, #own, body) }
        } else {
            quote! { Reply::empty(#status, #own) }
        };
        let doc = format!(" {}: {}", response.status, response.description);
        quote! {
            #[doc = #doc]
            pub(crate) fn #name(#body #(#arguments: impl TryInto<http::HeaderValue>),*) -> Self {
                Self(#written #(.header(const { http::HeaderName::from_static(#headers) }, #arguments))*)
            }
        }
    });
    quote! {
        /// Success of the operation.
        #[derive(Debug)]
        pub(crate) struct #ok(Reply);

        impl #ok {
            #(#constructors)*
        }

        /// An answer that was given before.
        impl From<Reply> for #ok {
            fn from(reply: Reply) -> Self {
                Self(reply)
            }
        }

        impl From<#ok> for Reply {
            fn from(ok: #ok) -> Self {
                ok.0
            }
        }
    }
}

/// An operation that declares a job type needs no handler: its options are read here by name.
fn job(operation: &Operation, marker: &Ident, ok: &Ident) -> Option<TokenStream> {
    let job_type = operation.job_type()?;
    let job = format_ident!("{}", names::type_name(job_type));
    let options = operation.parameters_in(Place::Query).map(|parameter| {
        let field = format_ident!("{}", names::field_name(&parameter.name));
        quote! { options.#field = Chosen::chosen(query.#field); }
    });
    let created = answered(operation, ok, 201);
    let found = answered(operation, ok, 200);
    Some(quote! {
        impl EnqueueOperation for #marker {
            type Job = jobs::#job;

            #[allow(unused_variables, unused_mut, clippy::field_reassign_with_default, reason = "a type may offer none")]
            fn options(query: Self::Query) -> EnqueueOptions {
                let mut options = EnqueueOptions::default();
                #(#options)*
                options
            }

            #[allow(unused_variables, reason = "a type may answer without a Location")]
            fn created(job: &types::EnqueuedJob, location: String) -> #ok {
                #created
            }

            fn found(job: &types::EnqueuedJob) -> #ok {
                #found
            }
        }
    })
}

/// The answer with a status, or with the first one where the operation has no such status.
fn answered(operation: &Operation, ok: &Ident, status: u16) -> TokenStream {
    let response = operation
        .success
        .iter()
        .find(|response| response.status == status)
        .unwrap_or(&operation.success[0]);
    let constructor = format_ident!("{}", status_name(response.status));
    let location = (!response.headers.is_empty()).then(|| quote! { , location });
    quote! { #ok::#constructor(job #location) }
}

fn method(operation: &Operation) -> TokenStream {
    let name = format_ident!("{}", operation.id);
    let marker = marker(operation);
    let ok = format_ident!("{marker}Ok");
    let doc = format!(" `{} {}`", operation.method, operation.path);
    quote! {
        #[doc = #doc]
        fn #name(
            &self,
            input: Input<#marker>,
        ) -> impl Future<Output = Result<#ok, Failure>> + Send;
    }
}

fn registration(operation: &Operation) -> TokenStream {
    let Operation {
        id,
        path,
        summary,
        description,
        tag,
        ..
    } = operation;
    let marker = marker(operation);
    let method = format_ident!("{}", operation.method);
    let (received, receive) = if operation.body.is_some() {
        let received = quote! { , received: Received<#marker> };
        (Some(received), quote! { |_| received })
    } else {
        (None, quote! { Received::later() })
    };
    quote! {
        description.register(super::operation::endpoint::<#marker>(
            dropshot::ApiEndpoint::new(
                #id.to_owned(),
                |request: dropshot::RequestContext<std::sync::Arc<ApiContext>> #received| {
                    answer::<#marker>(request, #receive)
                },
                http::Method::#method,
                dropshot::CONTENT_TYPE_JSON,
                #path,
                dropshot::ApiEndpointVersions::All,
            )
            .summary(#summary)
            .description(#description)
            .tag(#tag),
        ))?;
    }
}

/// Any operation of a path knows the path's variables, which Dropshot wants named.
fn preflight(operation: &Operation) -> TokenStream {
    let marker = marker(operation);
    let path = &operation.path;
    quote! { description.register(super::unpublished::preflight::<#marker>(#path))?; }
}

fn marker(operation: &Operation) -> Ident {
    format_ident!("{}", operation.type_name())
}

fn status_name(status: u16) -> &'static str {
    match status {
        201 => "created",
        202 => "accepted",
        204 => "no_content",
        _ => "ok",
    }
}
