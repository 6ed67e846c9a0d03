//! Owns why the program does not start.
//! Must not know: exit codes.

use std::io;

use crate::{
    api::ApiStartError, config::ConfigError, mail::MailConfigError, queue::UpcasterError,
    store::StoreError, validation::ValidatorError,
};

/// Why the program does not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    #[error("the configuration cannot be used")]
    Config(#[from] ConfigError),
    #[error("the database cannot be opened")]
    Store(#[from] StoreError),
    #[error("e-mail cannot be sent as configured (SMTP_URL, MAIL_FROM, OUTBOX_DIR)")]
    Mail(#[from] MailConfigError),
    #[error("cannot start the workers")]
    Workers(#[source] io::Error),
    #[error("the contract cannot be compiled")]
    Contract(#[from] ValidatorError),
    #[error("the upcasters of old payloads cannot be used")]
    Upcasters(#[from] UpcasterError),
    #[error("cannot serve HTTP (HOST, PORT)")]
    Serve(#[from] ApiStartError),
}
