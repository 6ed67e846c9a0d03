//! Owns the text of the `jobs` module: a marker with its policy per job type, and the registry's constructor that
//! wants a processor for each.
//! Must not know: how jobs are run.

use proc_macro2::{Ident, TokenStream};
use quote::{format_ident, quote};

use super::{
    Operation, Spec,
    fingerprint::fingerprint,
    names, reference,
    refusal::Refused,
    xjob::{BackoffKind, JobDeclaration},
};

pub(super) fn generate(spec: &Spec) -> Result<String, Refused> {
    let jobs = spec.jobs();
    let markers = jobs
        .iter()
        .map(|(name, operation, job)| marker(spec, name, operation, job));
    let types: Vec<Ident> = jobs.iter().map(|(name, ..)| marker_name(name)).collect();
    let arguments: Vec<Ident> = jobs
        .iter()
        .map(|(name, ..)| format_ident!("{name}"))
        .collect();
    let tokens = quote! {
        use std::time::Duration;
        use lockstep_client::types;
        use crate::{
            model::{Backoff, BackoffKind, JobPolicy},
            queue::{JobType, Processor, Registry},
        };

        #(#markers)*

        /// The policy of every declared job type, by name.
        pub static POLICIES: &[JobPolicy] = &[#(<#types as JobType>::POLICY),*];

        /// The policy of one job type; `None` when the contract does not declare it.
        pub fn policy(job_type: &str) -> Option<&'static JobPolicy> {
            let index = POLICIES.binary_search_by(|policy| policy.job_type.cmp(job_type)).ok()?;
            POLICIES.get(index)
        }

        /// One processor per declared job type: a type without one does not compile.
        pub fn registry(#(#arguments: impl Processor<Job = #types>),*) -> Registry {
            Registry::new() #(.with(#arguments))*
        }
    };
    let file = syn::parse2(tokens).map_err(|error| Refused::one("jobs", error.to_string()))?;
    Ok(prettyplease::unparse(&file))
}

fn marker_name(job_type: &str) -> Ident {
    format_ident!("{}", names::type_name(job_type))
}

fn marker(spec: &Spec, name: &str, operation: &Operation, job: &JobDeclaration) -> TokenStream {
    let marker = marker_name(name);
    let payload_name = operation
        .body
        .as_ref()
        .map_or("", |body| body.schema.as_str());
    let payload = type_path(payload_name);
    let result_name = job.result.as_deref().and_then(reference::schema_name);
    let result = result_name.map_or_else(|| quote! { () }, type_path);
    let result_schema = optional(result_name.map(|name| quote! { #name }));
    let doc = format!(" {}", operation.description.replace('\n', "\n "));
    let JobDeclaration {
        queue,
        sensitive,
        timeout_seconds,
        ..
    } = job;
    let backoff = backoff(job);
    let keep_completed = optional(job.retention.completed_seconds.map(seconds));
    let keep_failed = optional(job.retention.failed_seconds.map(seconds));
    let timeout = seconds(*timeout_seconds);
    // In range by the check of the declaration; unsuffixed, so that the field's type decides.
    let priority = proc_macro2::Literal::i64_unsuffixed(job.priority.abs());
    let sign = (job.priority < 0).then(|| quote! { - });
    let max_retries = proc_macro2::Literal::i64_unsuffixed(job.max_retries);
    let fingerprint = fingerprint(&spec.document, &spec.schemas[payload_name]);
    quote! {
        #[doc = #doc]
        #[derive(Debug, Clone, Copy)]
        pub struct #marker;

        impl JobType for #marker {
            type Payload = #payload;
            type Result = #result;
            const POLICY: JobPolicy = JobPolicy {
                job_type: #name,
                queue: #queue,
                priority: #sign #priority,
                max_retries: #max_retries,
                timeout: #timeout,
                backoff: #backoff,
                keep_completed: #keep_completed,
                keep_failed: #keep_failed,
                sensitive: &[#(#sensitive),*],
                schema_fingerprint: #fingerprint,
                payload_schema: #payload_name,
                result_schema: #result_schema,
            };
        }
    }
}

fn type_path(schema: &str) -> TokenStream {
    let name = format_ident!("{schema}");
    quote! { types::#name }
}

fn backoff(job: &JobDeclaration) -> TokenStream {
    let kind = match job.backoff.kind {
        BackoffKind::Fixed => quote! { Fixed },
        BackoffKind::Linear => quote! { Linear },
        BackoffKind::Exponential => quote! { Exponential },
    };
    let (base, cap) = (
        seconds(job.backoff.base_seconds),
        seconds(job.backoff.cap_seconds),
    );
    let jitter = proc_macro2::Literal::f64_unsuffixed(job.backoff.jitter);
    quote! { Backoff { kind: BackoffKind::#kind, base: #base, cap: #cap, jitter: #jitter } }
}

fn seconds(seconds: u64) -> TokenStream {
    let seconds = proc_macro2::Literal::u64_unsuffixed(seconds);
    quote! { Duration::from_secs(#seconds) }
}

fn optional(value: Option<TokenStream>) -> TokenStream {
    value.map_or_else(|| quote! { None }, |value| quote! { Some(#value) })
}
