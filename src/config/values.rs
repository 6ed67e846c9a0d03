//! Owns the configuration as values: what the program is started with.
//! Must not know: where the values came from.

use std::{
    net::{IpAddr, SocketAddr},
    num::NonZeroU32,
    path::PathBuf,
    time::Duration,
};

use super::{
    ConfigError, Environment, Flags, Problem, Secret, Setting, Settings, parse,
    secret::without_password, settings::default_text,
};
use crate::{mail::SmtpUrl, validation::Mode};

/// Least weight of what is logged.
pub type LogLevel = slog::Level;

/// Form of the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogFormat {
    /// [`LogFormat::Terminal`] on a terminal, else [`LogFormat::Json`].
    Auto,
    Terminal,
    Json,
}

/// Everything that can be configured, checked.
#[derive(Debug, Clone)]
pub struct Config {
    pub host: IpAddr,
    /// 0 takes any free port.
    pub port: u16,
    pub database_url: String,
    pub worker_count: usize,
    /// Empty means all.
    pub queues: Vec<String>,
    pub lease: Duration,
    pub drain: Duration,
    pub validation_mode: Mode,
    /// Bytes.
    pub body_limit: usize,
    /// Empty lets everybody in.
    pub api_tokens: Vec<Secret>,
    pub cors_origins: Vec<String>,
    /// Requests per second and client; `None` is any number.
    pub rate_limit: Option<NonZeroU32>,
    /// `None` writes e-mail to the outbox folder.
    pub smtp_url: Option<SmtpUrl>,
    pub mail_from: String,
    pub outbox_dir: PathBuf,
    pub export_dir: PathBuf,
    pub log_level: LogLevel,
    pub log_format: LogFormat,
}

impl Config {
    /// Gathers the layers and reads them.
    ///
    /// # Errors
    /// Everything that is wrong with them, at once.
    pub fn load(flags: &Flags, environment: &Environment) -> Result<Self, ConfigError> {
        Self::read(&Settings::gather(flags, environment)?)
    }

    /// What the settings mean.
    ///
    /// # Errors
    /// Every malformed value; a secret file that cannot be read.
    pub fn read(settings: &Settings) -> Result<Self, ConfigError> {
        let mut reader = Reader {
            settings,
            problems: Vec::new(),
        };
        let config = Self {
            host: reader.value("host", parse::host),
            port: reader.value("port", parse::number(0..=u16::MAX)),
            database_url: reader.value("database_url", parse::text),
            worker_count: reader.value("worker_count", parse::number(1..=1_024)),
            queues: reader.value("queues", parse::list(parse::queue)),
            lease: reader.value("lease_seconds", parse::seconds(1..=3_600)),
            drain: reader.value("drain_seconds", parse::seconds(0..=3_600)),
            validation_mode: reader.value("validation_mode", |text| text.parse().ok()),
            body_limit: reader.value("body_limit", parse::number(1_024..=104_857_600)),
            api_tokens: reader.secret("api_tokens", "api_tokens_file", parse::list(parse::token)),
            cors_origins: reader.value("cors_origins", parse::list(parse::origin)),
            rate_limit: NonZeroU32::new(reader.value("rate_limit", parse::number(0..=1_000_000))),
            smtp_url: reader.secret(
                "smtp_url",
                "smtp_url_file",
                parse::optional(|text| text.parse().ok()),
            ),
            mail_from: reader.value("mail_from", parse::mail_from),
            outbox_dir: reader.value("outbox_dir", parse::text).into(),
            export_dir: reader.value("export_dir", parse::text).into(),
            log_level: reader.value("log_level", log_level),
            log_format: reader.value("log_format", log_format),
        };
        if reader.problems.is_empty() {
            Ok(config)
        } else {
            Err(reader.problems.into())
        }
    }

    /// Where the API listens.
    pub fn address(&self) -> SocketAddr {
        SocketAddr::new(self.host, self.port)
    }

    /// The database URL without its password.
    pub fn shown_database_url(&self) -> String {
        without_password(&self.database_url)
    }

    /// Whether the API may listen where it is told to.
    ///
    /// # Errors
    /// It would be open to other machines without asking for a token.
    pub fn check_exposure(&self) -> Result<(), ConfigError> {
        if self.host.is_loopback() || !self.api_tokens.is_empty() {
            return Ok(());
        }
        Err(Problem::new(format!(
            "host = \"{}\" would let everybody who reaches this machine use the API; set API_TOKENS (or \
             API_TOKENS_FILE) to the tokens that it should ask for, or HOST=127.0.0.1 to listen on this machine only",
            self.host
        ))
        .into())
    }
}

fn log_level(text: &str) -> Option<LogLevel> {
    match text.to_ascii_lowercase().as_str() {
        "trace" => Some(LogLevel::Trace),
        "debug" => Some(LogLevel::Debug),
        "info" => Some(LogLevel::Info),
        "warning" | "warn" => Some(LogLevel::Warning),
        "error" => Some(LogLevel::Error),
        "critical" => Some(LogLevel::Critical),
        _ => None,
    }
}

fn log_format(text: &str) -> Option<LogFormat> {
    match text {
        "auto" => Some(LogFormat::Auto),
        "terminal" => Some(LogFormat::Terminal),
        "json" => Some(LogFormat::Json),
        _ => None,
    }
}

/// Reads one setting after the other and keeps what is wrong. A wrong one stands in for its default meanwhile.
struct Reader<'a> {
    settings: &'a Settings,
    problems: Vec<Problem>,
}

impl Reader<'_> {
    fn value<T>(&mut self, name: &'static str, parse: impl Fn(&str) -> Option<T>) -> T {
        let setting = self.settings.get(name);
        parse(&setting.text).unwrap_or_else(|| {
            self.problems.push(Problem::malformed(setting));
            default(name, parse)
        })
    }

    /// A value that may stand in a file of its own.
    fn secret<T>(
        &mut self,
        name: &'static str,
        file: &'static str,
        parse: impl Fn(&str) -> Option<T>,
    ) -> T {
        let setting = self.settings.get(file);
        if setting.text.is_empty() {
            return self.value(name, parse);
        }
        let value = self
            .content(name, setting)
            .and_then(|content| parse(&content).ok_or_else(|| Problem::malformed(setting)));
        value.unwrap_or_else(|problem| {
            self.problems.push(problem);
            default(name, parse)
        })
    }

    /// What the secret file holds, its lines joined by commas.
    fn content(&self, name: &str, file: &Setting) -> Result<String, Problem> {
        let direct = self.settings.get(name);
        if !direct.text.is_empty() {
            let reason = format!(
                "{name} is set as well ({}); set one of the two",
                direct.source
            );
            return Err(Problem::unusable(file, reason));
        }
        let content = std::fs::read_to_string(&file.text)
            .map_err(|error| Problem::unusable(file, format_args!("cannot be read: {error}")))?;
        let lines: Vec<_> = content
            .lines()
            .map(str::trim)
            .filter(|line| !line.is_empty())
            .collect();
        if lines.is_empty() {
            return Err(Problem::unusable(file, "the file is empty"));
        }
        Ok(lines.join(","))
    }
}

fn default<T>(name: &str, parse: impl Fn(&str) -> Option<T>) -> T {
    parse(&default_text(name)).expect("every default is allowed")
}
