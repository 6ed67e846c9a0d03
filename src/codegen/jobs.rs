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
    xjob::{BackoffKind, JobDeclaration, OnConflict, Rate, Scope},
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
        #[allow(unused_imports, reason = "a contract may declare no limits and no unique keys")]
        use crate::model::{OnConflict, Rate, UniquePolicy, UniqueScope};
        use crate::{
            model::{Backoff, BackoffKind, JobLimits, JobPolicy},
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
    let keep_cancelled = optional(job.retention.cancelled_seconds.map(seconds));
    let unique = unique(job);
    let gates = gates(job);
    let limits = limits(job);
    let timeout = seconds(*timeout_seconds);
    // In range by the check of the declaration; unsuffixed, so that the field's type decides.
    let priority = signed(job.priority);
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
                priority: #priority,
                max_retries: #max_retries,
                timeout: #timeout,
                backoff: #backoff,
                keep_completed: #keep_completed,
                keep_failed: #keep_failed,
                keep_cancelled: #keep_cancelled,
                unique: #unique,
                #gates
                limits: #limits,
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

fn unique(job: &JobDeclaration) -> TokenStream {
    optional(job.unique.as_ref().map(|unique| {
        let key = &unique.key;
        let scope = match unique.scope {
            Scope::WhileQueued => quote! { WhileQueued },
            Scope::UntilStarted => quote! { UntilStarted },
            Scope::UntilFinished => quote! { UntilFinished },
            Scope::ForPeriod => quote! { ForPeriod },
        };
        let period = optional(unique.period_seconds.map(seconds));
        let on_conflict = match unique.on_conflict {
            OnConflict::Return => quote! { Return },
            OnConflict::Replace => quote! { Replace },
            OnConflict::Reject => quote! { Reject },
        };
        quote! {
            UniquePolicy {
                key: &[#(#key),*],
                scope: UniqueScope::#scope,
                period: #period,
                on_conflict: OnConflict::#on_conflict,
            }
        }
    }))
}

/// What holds due jobs back.
fn gates(job: &JobDeclaration) -> TokenStream {
    let concurrency = job.concurrency.as_ref();
    let limit = optional(concurrency.and_then(|it| it.limit).map(count));
    let key = concurrency.and_then(|it| it.key.as_ref());
    let key = optional(key.map(|key| quote! { #key }));
    let key_limit = optional(concurrency.and_then(|it| it.key_limit).map(count));
    let rate_of =
        |per_key: bool| optional(job.rate.filter(|rate| rate.per_key == per_key).map(rate));
    let (rate, key_rate) = (rate_of(false), rate_of(true));
    quote! {
        concurrency: #limit,
        rate: #rate,
        concurrency_key: #key,
        key_concurrency: #key_limit,
        key_rate: #key_rate,
    }
}

fn rate(rate: Rate) -> TokenStream {
    let (limit, period) = (count(rate.limit), seconds(rate.period_seconds));
    quote! { Rate { limit: #limit, period: #period } }
}

fn limits(job: &JobDeclaration) -> TokenStream {
    let limits = job.limits;
    let (low, high) = (signed(limits.priority_min), signed(limits.priority_max));
    let max_retries = signed(limits.max_retries);
    let timeout = seconds(limits.timeout_seconds);
    quote! { JobLimits { priority: (#low, #high), max_retries: #max_retries, timeout: #timeout } }
}

/// Unsuffixed, so that the field's type decides.
fn signed(value: i64) -> TokenStream {
    let digits = proc_macro2::Literal::i64_unsuffixed(value.abs());
    let sign = (value < 0).then(|| quote! { - });
    quote! { #sign #digits }
}

fn count(value: u32) -> TokenStream {
    let digits = proc_macro2::Literal::u32_unsuffixed(value);
    quote! { #digits }
}

fn seconds(seconds: u64) -> TokenStream {
    let seconds = proc_macro2::Literal::u64_unsuffixed(seconds);
    quote! { Duration::from_secs(#seconds) }
}

fn optional(value: Option<TokenStream>) -> TokenStream {
    value.map_or_else(|| quote! { None }, |value| quote! { Some(#value) })
}
