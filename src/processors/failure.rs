//! Owns what a failing store, mail server or contract means for a job.
//! Must not know: which job.

use crate::{mail::MailError, queue::JobError, store::StoreError};

/// The store may answer later.
pub(super) fn store_failed(error: StoreError) -> JobError {
    JobError::retry("the store failed", error)
}

/// Later, if that can help.
pub(super) fn mail_failed(error: MailError) -> JobError {
    let message = "the e-mail did not leave";
    if error.may_get_better() {
        JobError::retry(message, error)
    } else {
        JobError::fail(message, error)
    }
}

/// A value of the result that the contract has no room for.
pub(super) fn not_in_contract<E>(field: &'static str) -> impl Fn(E) -> JobError {
    move |_| JobError::Fail {
        message: format!("{field} does not fit the contract"),
        source: None,
    }
}
