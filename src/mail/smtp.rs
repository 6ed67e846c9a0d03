//! Owns handing an e-mail to an SMTP server.
//! Must not know: what the e-mail says, or who tries again.

use std::time::Duration;

use lettre::{AsyncSmtpTransport, AsyncTransport, Message, Tokio1Executor};
use tokio::time::timeout;

use super::{MailConfigError, MailError, SmtpUrl};

/// One connection per e-mail: lettre's pool may hand out a connection whose last user was dropped half-way through a
/// command, which our deadlines do.
#[derive(Debug, Clone)]
pub(super) struct Smtp {
    transport: AsyncSmtpTransport<Tokio1Executor>,
    timeout: Duration,
}

impl Smtp {
    pub(super) fn new(url: &SmtpUrl, timeout: Duration) -> Result<Self, MailConfigError> {
        let transport = AsyncSmtpTransport::<Tokio1Executor>::from_url(&url.for_lettre())
            .map_err(MailConfigError::Smtp)?
            .timeout(Some(timeout))
            .build();
        Ok(Self { transport, timeout })
    }

    pub(super) async fn send(&self, message: Message) -> Result<(), MailError> {
        let ascii = message
            .envelope()
            .to()
            .iter()
            .all(|to| to.to_string().is_ascii());
        // lettre's own limit covers the connection only, not a server that falls silent later.
        match timeout(self.timeout, self.transport.send(message)).await {
            Ok(Ok(_)) => Ok(()),
            Ok(Err(error)) => Err(MailError::of_smtp(error, ascii)),
            Err(_) => Err(MailError::Timeout),
        }
    }
}
