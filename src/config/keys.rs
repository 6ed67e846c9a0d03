//! Owns the list of settings: name, meaning, what is allowed.
//! Must not know: their values.

use super::settings::default_text;

/// How much of a value may be shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shown {
    /// All of it.
    Fully,
    /// All but the password of a URL.
    WithoutPassword,
    /// Nothing. Cannot be given as a flag either: every user of the machine can read a process's arguments.
    Never,
}

/// One setting.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Key {
    /// Name in the file, such as `worker_count`.
    pub name: &'static str,
    /// What it decides, as a sentence.
    pub about: &'static str,
    /// What it may be, with unit and bounds, to be read after "allowed:".
    pub allowed: &'static str,
    pub shown: Shown,
}

impl Key {
    /// Name in the environment, such as `WORKER_COUNT`.
    pub fn variable(&self) -> String {
        self.name.to_ascii_uppercase()
    }

    /// Name of the flag without its dashes, such as `worker-count`.
    pub fn flag(&self) -> String {
        self.name.replace('_', "-")
    }

    /// The default, as the environment would hold it; empty for none.
    pub fn default_text(&self) -> String {
        default_text(self.name)
    }

    /// The key of that name.
    pub fn named(name: &str) -> Option<&'static Self> {
        KEYS.iter().find(|key| key.name == name)
    }
}

const fn key(name: &'static str, about: &'static str, allowed: &'static str) -> Key {
    Key {
        name,
        about,
        allowed,
        shown: Shown::Fully,
    }
}

const fn partly(key: Key) -> Key {
    Key {
        shown: Shown::WithoutPassword,
        ..key
    }
}

const fn secret(key: Key) -> Key {
    Key {
        shown: Shown::Never,
        ..key
    }
}

/// Every setting, in the order of the default file.
pub static KEYS: &[Key] = &[
    key(
        "host",
        "Address to listen on. Anything but loopback needs API tokens.",
        "an IP address, or localhost",
    ),
    key(
        "port",
        "Port to listen on; 0 takes any free one.",
        "a whole number from 0 to 65535",
    ),
    partly(key(
        "database_url",
        "Where users and jobs are kept.",
        "a path, sqlite: followed by a path, or postgres://user@host/database",
    )),
    key(
        "worker_count",
        "Jobs that run at the same time.",
        "a whole number from 1 to 1024",
    ),
    key(
        "queues",
        "Queues whose jobs the workers do; empty means all.",
        "names of a-z, 0-9 and _, separated by commas",
    ),
    key(
        "lease_seconds",
        "How long a worker may be silent before its jobs are given to others.",
        "a whole number of seconds from 1 to 3600",
    ),
    key(
        "drain_seconds",
        "How long a stop waits for running jobs and requests.",
        "a whole number of seconds from 0 to 3600",
    ),
    key(
        "validation_mode",
        "What becomes of properties that the contract does not name: refused (default), kept as additional data \
         (flexible), or refused at every depth along with sloppy JSON (strict).",
        "default, flexible or strict",
    ),
    key(
        "body_limit",
        "Largest request body.",
        "a whole number of bytes from 1024 to 104857600",
    ),
    secret(key(
        "api_tokens",
        "Bearer tokens that the API accepts; empty lets everybody in.",
        "tokens of 16 to 200 visible ASCII characters, separated by commas",
    )),
    key(
        "api_tokens_file",
        "File that holds the bearer tokens, one a line, instead of api_tokens.",
        "a path of a readable file with tokens of 16 to 200 visible ASCII characters",
    ),
    key(
        "cors_origins",
        "Web origins whose pages may call the API; empty means none.",
        "origins such as https://app.example.com separated by commas, or *",
    ),
    key(
        "rate_limit",
        "Requests that one client may make per second; 0 means any number.",
        "a whole number from 0 to 1000000",
    ),
    secret(key(
        "smtp_url",
        "Server that takes e-mail; empty writes messages to the outbox folder.",
        "smtp://[user:password@]host[:port][?tls=required|opportunistic|none] or smtps://[user:password@]host[:port]",
    )),
    key(
        "smtp_url_file",
        "File that holds the SMTP URL, instead of smtp_url.",
        "a path of a readable file with smtp://[user:password@]host[:port][?tls=required|opportunistic|none] or smtps://[user:password@]host[:port]",
    ),
    key(
        "mail_from",
        "Sender of e-mail.",
        "an address, or a name with the address in angle brackets",
    ),
    key(
        "outbox_dir",
        "Folder for e-mail while there is no SMTP server.",
        "a path",
    ),
    key(
        "export_dir",
        "Folder for the files of data_export jobs.",
        "a path",
    ),
    key(
        "log_level",
        "Least weight of what is logged.",
        "trace, debug, info, warning, error or critical",
    ),
    key(
        "log_format",
        "Form of the log on stderr; auto is terminal on a terminal, else json.",
        "auto, terminal or json",
    ),
];
