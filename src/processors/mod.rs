//! Owns what each declared job type does.
//! Must not know: SQL, HTTP, or how jobs are claimed and settled.

pub mod data_analysis;
pub mod data_export;
pub mod email_notification;
mod failure;
mod profile;
pub mod reconciler;
mod upcasters;
pub mod user_created;

pub use data_export::ExportConfig;
pub use upcasters::upcasters;

use crate::{contract, mail::Mailer, queue::Registry, store::Store};

/// A processor for every job type that the contract declares.
pub fn registry(store: &Store, mailer: &Mailer, export: ExportConfig) -> Registry {
    contract::registry(
        data_analysis::DataAnalysis::new(store.clone()),
        data_export::DataExport::new(store.clone(), export),
        email_notification::EmailNotification::new(mailer.clone()),
        user_created::UserCreated::new(store.clone(), mailer.clone()),
    )
}
