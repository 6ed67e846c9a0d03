//! Owns why an e-mail did not leave, and whether trying again can help.
//! Must not know: who tries again. Messages hold no addresses and no words of the server, which repeats addresses.

use std::io;

use lettre::transport::smtp;

/// E-mail cannot be sent with this configuration.
#[derive(Debug, thiserror::Error)]
pub enum MailConfigError {
    #[error("the sender is not an e-mail address")]
    From,
    #[error("the SMTP settings cannot be used")]
    Smtp(#[source] smtp::Error),
    #[error("the outbox folder cannot be used")]
    Outbox(#[source] io::Error),
}

/// Why one e-mail did not leave.
#[derive(Debug, thiserror::Error)]
pub enum MailError {
    #[error("the recipient is not an e-mail address that this server can send to")]
    Address,
    #[error("the e-mail cannot be built")]
    Message(#[source] lettre::error::Error),
    /// Will not get better.
    #[error("the mail server refused the e-mail with code {0}")]
    Refused(u16),
    /// May get better.
    #[error("the mail server put the e-mail off with code {0}")]
    PutOff(u16),
    /// The settings are wrong, not the e-mail: it can be sent once they are mended.
    #[error("the mail server refused our credentials with code {0}")]
    Credentials(u16),
    #[error("the mail server did not answer in time")]
    Timeout,
    #[error("the mail server does not speak as it should")]
    Protocol,
    #[error("the mail server cannot be reached")]
    Unreachable(#[source] smtp::Error),
    #[error("the e-mail cannot be written to the outbox")]
    Outbox(#[source] io::Error),
}

impl MailError {
    /// Whether a later try may succeed.
    pub fn may_get_better(&self) -> bool {
        !matches!(self, Self::Address | Self::Message(_) | Self::Refused(_))
    }

    /// Whether the next recipient would meet the same.
    pub fn concerns_every_letter(&self) -> bool {
        match self {
            // 421: the service shuts down.
            Self::PutOff(code) => *code == 421,
            Self::Address | Self::Message(_) | Self::Refused(_) => false,
            _ => true,
        }
    }

    pub(super) fn of_smtp(error: smtp::Error, ascii_recipient: bool) -> Self {
        if let Some(code) = error.status() {
            let code = u16::from(code);
            return match code {
                530 | 534 | 535 | 538 => Self::Credentials(code),
                _ if error.is_permanent() => Self::Refused(code),
                _ => Self::PutOff(code),
            };
        }
        if error.is_timeout() {
            Self::Timeout
        } else if error.is_client() && !ascii_recipient {
            // A server without SMTPUTF8.
            Self::Address
        } else if error.is_response() {
            Self::Protocol
        } else {
            Self::Unreachable(error)
        }
    }
}
