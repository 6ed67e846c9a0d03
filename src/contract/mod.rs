//! Owns what is generated from `openapi.yaml` and is not HTTP: wire types, job-type markers with their policies,
//! run-time schemas, the document itself. Must not know: HTTP, the store, or what a job does.
//!
//! Nothing here is edited by hand: change `openapi.yaml` and follow the compiler (docs/ADDING-A-JOB-TYPE.md).

mod document;
mod groups;
mod items;
mod options;
mod schedules;
pub mod wire;
pub mod wire_bulk;
pub mod wire_control;
pub mod wire_drift;
pub mod wire_enqueue;
pub mod wire_events;
pub mod wire_groups;
mod wire_schedules;
pub mod wire_work;

pub use document::{
    DOCUMENT_JSON, OPERATIONS, OperationInfo, SCHEMAS_JSON, VERSION, document, schemas,
};
pub use groups::group_of;
pub use items::{Items, items_of, unknown_job_type};
pub use lockstep_client::types;
/// The wire types, shared with the client crate.
pub(crate) use options::Chosen;
pub use options::options_of;
pub use schedules::{new_schedule, schedule_change};

/// One marker per declared job type, their policies, and the registry that wants a processor for each.
pub mod jobs {
    #![expect(clippy::pedantic, reason = "generated")]
    include!(concat!(env!("OUT_DIR"), "/jobs.rs"));
}

pub use jobs::{POLICIES, policy, registry};
