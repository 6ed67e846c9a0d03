//! Owns sending e-mail: over SMTP, or as files in an outbox folder.
//! Must not know: users or jobs.
//!
//! A letter that is sent twice carries the same Message-ID both times, so that mailboxes can drop the repeat.

mod error;
mod letter;
mod outbox;
mod smtp;
mod smtp_url;

use std::{path::PathBuf, time::Duration};

use lettre::message::Mailbox;
use slog::{Logger, info, warn};

pub use error::{MailConfigError, MailError};
pub use letter::Letter;
pub use smtp_url::{BadSmtpUrl, SmtpUrl};

/// Which way e-mail goes.
#[derive(Debug, Clone)]
pub struct MailConfig {
    /// The server that takes e-mail; none: it goes to the outbox.
    pub smtp_url: Option<SmtpUrl>,
    /// Sender of every e-mail: `Lockstep <no-reply@example.com>` or an address alone.
    pub from: String,
    /// Folder for e-mail when no server is configured; made when missing.
    pub outbox: PathBuf,
    /// Longest wait for the server, from connection to the last answer, of one e-mail.
    pub timeout: Duration,
}

/// Sends e-mail. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Mailer {
    from: Mailbox,
    way: Way,
}

#[derive(Debug, Clone)]
enum Way {
    Smtp(smtp::Smtp),
    Outbox(outbox::Outbox),
}

impl Mailer {
    /// Says in the log which way e-mail goes. Connects to nothing yet.
    pub fn new(config: &MailConfig, log: &Logger) -> Result<Self, MailConfigError> {
        let from: Mailbox = config.from.parse().map_err(|_| MailConfigError::From)?;
        let from = Mailbox::new(from.name.as_deref().and_then(letter::clean), from.email);
        let way = if let Some(url) = &config.smtp_url {
            info!(log, "e-mail leaves over SMTP"; "server" => url.server(), "tls" => url.tls().as_str());
            Way::Smtp(smtp::Smtp::new(url, config.timeout)?)
        } else {
            let outbox = outbox::Outbox::open(&config.outbox).map_err(MailConfigError::Outbox)?;
            warn!(log, "no SMTP_URL: e-mail is not sent but written to the outbox folder";
                "outbox" => config.outbox.display().to_string());
            Way::Outbox(outbox)
        };
        Ok(Self { from, way })
    }

    /// Hands over one e-mail and returns its Message-ID. `Ok` means that the server has taken it, or that the file is
    /// on disk.
    pub async fn send(&self, letter: &Letter<'_>) -> Result<String, MailError> {
        let id = letter.message_id(self.from.email.domain());
        let message = letter.message(&self.from, &id)?;
        match &self.way {
            Way::Smtp(smtp) => smtp.send(message).await?,
            Way::Outbox(outbox) => outbox.write(&id, message.formatted()).await?,
        }
        Ok(id)
    }
}
