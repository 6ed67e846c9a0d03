//! Owns sending e-mail: SMTP, or files in an outbox folder. Must not know: users or jobs.
