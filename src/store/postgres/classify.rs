//! Owns what PostgreSQL's refusals mean to whoever runs this program: one sentence each, with the fix.
//! Must not know: statements. Diesel keeps no SQLSTATE, so their errors are read elsewhere.

use std::{
    error::Error as _,
    fmt,
    io::{self, ErrorKind},
};

use rustls::CertificateError;
use tokio_postgres::error::{DbError, SqlState};

use super::settings::Settings;
pub(super) use crate::store::error::LOST;
use crate::store::{
    Cause, StoreError,
    error::{NOBODY, STARTING},
};

/// An error with what to do about it in front.
#[derive(Debug, thiserror::Error)]
#[error("{text}")]
struct Hint {
    text: String,
    #[source]
    source: Cause,
}

/// What an error while connecting to `at` (a host and its port) means.
#[expect(clippy::needless_pass_by_value, reason = "for map_err")]
pub(super) fn classify(error: tokio_postgres::Error, settings: &Settings, at: &str) -> StoreError {
    let verdict = if let Some(refusal) = error.as_db_error() {
        of_server(refusal, settings, at)
    } else if let Some(cause) = error.source().and_then(|cause| cause.downcast_ref()) {
        of_transport(cause, at)
    } else {
        of_protocol(&error, settings, at)
    };
    match verdict {
        Later(reason, text) => StoreError::Unavailable {
            reason,
            source: Some(Box::new(Hint {
                text,
                source: in_a_line(&error),
            })),
        },
        Never(message) => StoreError::Unusable {
            message,
            source: Some(in_a_line(&error)),
        },
    }
}

/// With its causes, as one line: what a server says in detail has lines of its own.
fn in_a_line(error: &tokio_postgres::Error) -> Cause {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(below) = cause {
        if error.as_db_error().is_none() {
            text.push_str(": ");
            text.push_str(&below.to_string());
        }
        cause = below.source();
    }
    text.replace('\n', " ").into()
}

enum Verdict {
    /// It may be well by itself, or by somebody who is at it: the reason, and what that somebody can do.
    Later(&'static str, String),
    /// It stays so until somebody changes something: what.
    Never(String),
}
use Verdict::{Later, Never};

/// The server has answered.
fn of_server(refusal: &DbError, settings: &Settings, at: &str) -> Verdict {
    let (user, dbname) = (&settings.user, &settings.dbname);
    let said = refusal.message();
    match refusal.code() {
        code if *code == SqlState::INVALID_PASSWORD => Never(format!(
            "PostgreSQL at {at} does not accept the password of {user}: correct it in the URL, the passwordfile or the passfile"
        )),
        code if *code == SqlState::INVALID_AUTHORIZATION_SPECIFICATION => {
            // The file's name is in the text of every language, and the server says of its own whether it wants TLS.
            let plain = settings.tls.is_none() && said.contains("pg_hba.conf");
            let fix = if plain {
                ": if it wants TLS, add sslmode=verify-full to the URL; if not, add a line to its pg_hba.conf"
            } else {
                ": create the role, or add a line to its pg_hba.conf"
            };
            Never(format!(
                "PostgreSQL at {at} does not let {user} into {dbname} ({said}){fix}"
            ))
        }
        code if *code == SqlState::INVALID_CATALOG_NAME => Never(format!(
            "PostgreSQL at {at} has no database {dbname}: run CREATE DATABASE {}, or createdb {}",
            Name(dbname),
            Word(dbname),
        )),
        code if *code == SqlState::INSUFFICIENT_PRIVILEGE => Never(format!(
            "PostgreSQL at {at} does not let {user} into {dbname} ({said}): run GRANT CONNECT ON DATABASE {} TO {}",
            Name(dbname),
            Name(user),
        )),
        code if *code == SqlState::TOO_MANY_CONNECTIONS => Later(
            "it has too many connections",
            format!("lower pool_size, or raise max_connections of PostgreSQL at {at} ({said})"),
        ),
        code if *code == SqlState::CANNOT_CONNECT_NOW
            || *code == SqlState::ADMIN_SHUTDOWN
            || *code == SqlState::CRASH_SHUTDOWN =>
        {
            Later(STARTING, format!("wait for PostgreSQL at {at} ({said})"))
        }
        // Disk or memory.
        code if code.code().starts_with("53") => Later(
            "it has run out of resources",
            format!("free some at {at} ({said})"),
        ),
        code => Never(format!(
            "PostgreSQL at {at} refuses the connection: {said} (SQLSTATE {})",
            code.code()
        )),
    }
}

/// The network, or TLS, has answered.
fn of_transport(cause: &io::Error, at: &str) -> Verdict {
    if let Some(error) = cause.get_ref().and_then(|inner| inner.downcast_ref()) {
        return of_tls(error, at);
    }
    match cause.kind() {
        ErrorKind::ConnectionRefused | ErrorKind::NotFound => Later(
            NOBODY,
            format!("start PostgreSQL at {at}, or correct the host and port in the URL"),
        ),
        ErrorKind::TimedOut => Later(TIMEOUT, waited(at)),
        // tokio-postgres' own words for a server that is not read-write.
        ErrorKind::PermissionDenied if cause.to_string().contains("does not allow writes") => {
            Later(
                READ_ONLY,
                format!("name the host of the primary, {at} is none"),
            )
        }
        ErrorKind::UnexpectedEof
        | ErrorKind::ConnectionReset
        | ErrorKind::ConnectionAborted
        | ErrorKind::BrokenPipe
        // What tokio-util calls an end in the middle of a message.
        | ErrorKind::Other => Later(
            LOST,
            format!("see the log of what listens at {at}, which may be no PostgreSQL"),
        ),
        ErrorKind::InvalidData | ErrorKind::InvalidInput => Never(stranger(at, &cause.to_string())),
        // The resolver has no kind of its own.
        _ if cause.to_string().contains("lookup") => Later(
            "its host name is not known",
            format!("correct the host of {at} in the URL"),
        ),
        _ => Later(
            "its host cannot be reached",
            format!("check the network between here and {at}"),
        ),
    }
}

pub(super) const READ_ONLY: &str = "it only allows reading";
pub(super) const TIMEOUT: &str = "it does not answer in time";

/// What to do when `at` does not answer.
pub(super) fn waited(at: &str) -> String {
    format!("check the host and port {at} and the firewalls before it, or raise connect_timeout")
}

fn of_tls(error: &rustls::Error, at: &str) -> Verdict {
    let rustls::Error::InvalidCertificate(found) = error else {
        return Never(format!("TLS with {at} fails: {error}"));
    };
    Never(match found {
        CertificateError::UnknownIssuer => format!(
            "the certificate of {at} is not from an authority that is trusted here: name that authority's file in sslrootcert"
        ),
        CertificateError::NotValidForName => format!(
            "the certificate of {at} does not have that name: use a host name that it has as a subjectAltName"
        ),
        CertificateError::NotValidForNameContext { presented, .. } => format!(
            "the certificate of {at} does not have that name: use one that it has as a subjectAltName (it has {})",
            Listed(presented)
        ),
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => {
            format!("the certificate of {at} has expired: renew it")
        }
        CertificateError::Other(other) if other.to_string().contains("CaUsedAsEndEntity") => {
            format!(
                "the certificate of {at} is self-signed and not trusted here: name that very certificate's file in sslrootcert"
            )
        }
        found => format!("the certificate of {at} is not good: {found}"),
    })
}

/// tokio-postgres itself has found something wrong. Its kinds are private; its words are stable.
fn of_protocol(error: &tokio_postgres::Error, settings: &Settings, at: &str) -> Verdict {
    let said = error.source().map(ToString::to_string).unwrap_or_default();
    match said.as_str() {
        "server does not support TLS" => Never(format!(
            "PostgreSQL at {at} speaks no TLS: set ssl = on there, or choose sslmode=disable if nobody can listen in on the network"
        )),
        "password missing" => Never(format!(
            "PostgreSQL at {at} asks {} for a password: put it into the URL, or name a passwordfile or passfile",
            settings.user
        )),
        "server did not use channel binding" => Never(format!(
            "PostgreSQL at {at} does not bind its password to TLS: leave out channel_binding=require, or use scram-sha-256 there"
        )),
        _ if error.is_closed() => Later(
            LOST,
            format!("see the log of what listens at {at}, which may be no PostgreSQL"),
        ),
        said => Never(stranger(at, &format!("{error} {said}"))),
    }
}

fn stranger(at: &str, said: &str) -> String {
    format!(
        "what answers at {at} is not PostgreSQL, or no version known here ({said}): correct the host and port in the URL"
    )
}

/// An SQL name in quotes.
pub(super) struct Name<'a>(pub(super) &'a str);

impl fmt::Display for Name<'_> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "\"{}\"", self.0.replace('"', "\"\""))
    }
}

/// A word for the shell.
struct Word<'a>(&'a str);

impl fmt::Display for Word<'_> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
        if self.0.bytes().all(plain) {
            out.write_str(self.0)
        } else {
            write!(out, "'{}'", self.0.replace('\'', "'\\''"))
        }
    }
}

struct Listed<'a>(&'a [String]);

impl fmt::Display for Listed<'_> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_empty() {
            return out.write_str("none");
        }
        out.write_str(&self.0.join(", "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_to_be_run_is_quoted() {
        assert_eq!(Name("a\"b").to_string(), "\"a\"\"b\"");
        assert_eq!(Word("jobs_1").to_string(), "jobs_1");
        assert_eq!(Word("it's $x").to_string(), r"'it'\''s $x'");
    }
}
