//! Owns testing the configuration: layers, messages, refusals, the default file.

use std::{path::PathBuf, time::Duration};

use lockstep::{
    config::{
        Config, ConfigError, DEFAULT_FILE, Environment, Flags, KEYS, LogFormat, LogLevel, Settings,
        Shown,
    },
    validation::Mode,
};

const TOKEN: &str = "correct-horse-battery-staple";

/// A configuration file in a folder of its own, which lives as long as this does.
struct File {
    folder: tempfile::TempDir,
}

impl File {
    fn new(content: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("lockstep.toml"), content).unwrap();
        Self { folder }
    }

    fn path(&self) -> PathBuf {
        self.folder.path().join("lockstep.toml")
    }

    fn flags(&self) -> Flags {
        Flags {
            file: Some(self.path()),
            ..Flags::default()
        }
    }
}

fn variables(pairs: &[(&str, &str)]) -> Environment {
    pairs.iter().copied().collect()
}

fn from_variables(pairs: &[(&str, &str)]) -> Result<Config, ConfigError> {
    Config::load(&Flags::default(), &variables(pairs))
}

/// The only problem that these variables cause.
#[track_caller]
fn problem(pairs: &[(&str, &str)]) -> String {
    let error = from_variables(pairs).unwrap_err();
    assert_eq!(error.problems().len(), 1, "{error}");
    error.to_string()
}

#[test]
fn nothing_configured_gives_the_seeds_defaults() {
    let config = from_variables(&[]).unwrap();
    assert_eq!(config.address().to_string(), "127.0.0.1:8080");
    assert_eq!(config.database_url, "users.db");
    assert_eq!(config.worker_count, 3);
    assert_eq!(config.validation_mode, Mode::Default);
    assert_eq!(config.log_level, LogLevel::Info);
    assert_eq!(config.log_format, LogFormat::Auto);
    assert_eq!(config.drain, Duration::from_secs(30));
    assert!(config.smtp_url.is_none() && config.api_tokens.is_empty());
    assert_eq!(config.rate_limit, None);
    config.check_exposure().unwrap();
}

#[test]
fn the_default_file_explains_every_key_and_is_a_configuration() {
    let mut rest = DEFAULT_FILE;
    for key in KEYS {
        let block = format!("# {}\n# Allowed: {}\n", key.about, key.allowed);
        let (_, after) = rest
            .split_once(&block)
            .unwrap_or_else(|| panic!("in this order: {block}"));
        let line = after.lines().find(|line| !line.starts_with('#')).unwrap();
        assert!(line.starts_with(&format!("{} = ", key.name)), "{line}");
        rest = after;
    }
    let file = File::new(DEFAULT_FILE);
    let settings = Settings::gather(&file.flags(), &Environment::default()).unwrap();
    assert_eq!(settings.iter().count(), KEYS.len());
    for setting in settings.iter() {
        let source = setting.source.to_string();
        assert!(source.contains("lockstep.toml line "), "{setting:?}");
    }
    Config::read(&settings).unwrap();
}

#[test]
fn flags_override_the_environment_overrides_the_file() {
    let file = File::new("port = 1\nworker_count = 1\nlog_level = 'debug'\n");
    let mut flags = file.flags();
    flags.values.insert("port", "3".to_owned());
    let environment = variables(&[("PORT", "2"), ("WORKER_COUNT", "2")]);
    let settings = Settings::gather(&flags, &environment).unwrap();
    let shown = |name: &str| {
        let setting = settings
            .iter()
            .find(|setting| setting.key.name == name)
            .unwrap();
        format!("{} from {}", setting.shown(), setting.source)
    };
    assert_eq!(shown("port"), "3 from flag --port");
    assert_eq!(
        shown("worker_count"),
        "2 from environment variable WORKER_COUNT"
    );
    let path = file.path();
    assert_eq!(
        shown("log_level"),
        format!("debug from {} line 3", path.display())
    );
    assert_eq!(shown("host"), "127.0.0.1 from default");
    let config = Config::read(&settings).unwrap();
    assert_eq!((config.port, config.worker_count), (3, 2));
}

#[test]
fn the_environment_names_the_file_and_a_flag_names_another() {
    let first = File::new("port = 1\n");
    let second = File::new("port = 2\n");
    let path = first.path();
    let environment = variables(&[("LOCKSTEP_CONFIG", path.to_str().unwrap())]);
    let config = Config::load(&Flags::default(), &environment).unwrap();
    assert_eq!(config.port, 1);
    assert_eq!(Config::load(&second.flags(), &environment).unwrap().port, 2);
}

#[test]
fn an_empty_variable_counts_as_not_set() {
    let config = from_variables(&[("PORT", ""), ("LOCKSTEP_CONFIG", "")]).unwrap();
    assert_eq!(config.port, 8080);
}

#[test]
fn a_malformed_value_is_named_with_its_source_and_what_is_allowed() {
    assert_eq!(
        problem(&[("PORT", "eighty")]),
        "port = \"eighty\" (environment variable PORT) is malformed; allowed: a whole number from 0 to 65535"
    );
    for (name, value) in [
        ("HOST", "example.com"),
        ("DATABASE_URL", "a\nb"),
        ("WORKER_COUNT", "0"),
        ("WORKER_COUNT", "1025"),
        ("LEASE_SECONDS", "0"),
        ("DRAIN_SECONDS", "-1"),
        ("LOG_LEVEL", "loud"),
        ("LOG_FORMAT", "xml"),
        ("VALIDATION_MODE", "Strict"),
        ("BODY_LIMIT", "100GB"),
        ("CORS_ORIGINS", "example.com"),
        ("RATE_LIMIT", "1.5"),
        ("MAIL_FROM", "nobody"),
        ("QUEUES", "a,,b"),
    ] {
        let message = problem(&[(name, value)]);
        let key = name.to_ascii_lowercase();
        assert!(
            message.starts_with(&format!("{key} = {value:?} (environment variable {name})")),
            "{message}"
        );
        assert!(message.contains("allowed: "), "{message}");
    }
}

#[test]
fn all_problems_are_reported_at_once() {
    let error =
        from_variables(&[("PORT", "x"), ("LOG_LEVEL", "y"), ("SMTP_URL", "z")]).unwrap_err();
    assert_eq!(error.problems().len(), 3, "{error}");
}

#[test]
fn the_files_faults_are_named_with_their_line() {
    for (content, expected) in [
        (
            "port = 1\nprot = 2\n",
            "line 2: unknown key \"prot\"; did you mean port?",
        ),
        (
            "\nWORKER_COUNT = 2\n",
            "line 2: unknown key \"WORKER_COUNT\"; did you mean worker_count?",
        ),
        (
            "frobnicate = 2\n",
            "line 1: unknown key \"frobnicate\"; `lockstep config default` lists all",
        ),
        (
            "port = true\n",
            "line 1: port is a TOML boolean; allowed: a whole number",
        ),
        ("[port]\nx = 1\n", "line 1: port is a TOML table"),
        (
            "port = 0x1F\n",
            "line 1: port is a TOML integer; allowed: a whole number",
        ),
        ("port = 1\nport = 2\n", "line 2: duplicate key"),
        ("port = \n", "line 1: "),
    ] {
        let file = File::new(content);
        let error = Config::load(&file.flags(), &Environment::default()).unwrap_err();
        let message = error.to_string();
        assert!(message.contains("lockstep.toml, "), "{message}");
        assert!(message.contains(expected), "{message} lacks {expected}");
    }
    let file = File::new("\n\nport = 70000\n");
    let error = Config::load(&file.flags(), &Environment::default()).unwrap_err();
    let line = format!(
        "port = \"70000\" ({} line 3) is malformed",
        file.path().display()
    );
    assert!(error.to_string().starts_with(&line), "{error}");
}

#[test]
fn a_missing_or_endless_file_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    for (path, expected) in [
        (
            folder.path().join("missing.toml"),
            "cannot read configuration file",
        ),
        (folder.path().to_owned(), "cannot read configuration file"),
        (PathBuf::from("/dev/zero"), "longer than"),
    ] {
        let flags = Flags {
            file: Some(path),
            ..Flags::default()
        };
        let error = Config::load(&flags, &Environment::default()).unwrap_err();
        assert!(error.to_string().contains(expected), "{error}");
    }
}

#[cfg(unix)]
#[test]
fn a_variable_that_is_not_text_is_refused() {
    use std::{ffi::OsString, os::unix::ffi::OsStringExt};
    let environment: Environment = [("PORT", OsString::from_vec(vec![0xff]))]
        .into_iter()
        .collect();
    let error = Config::load(&Flags::default(), &environment).unwrap_err();
    assert!(
        error
            .to_string()
            .starts_with("environment variable PORT is not UTF-8"),
        "{error}"
    );
}

#[test]
fn no_message_shows_a_secret() {
    for (name, value) in [
        ("API_TOKENS", "short-hunter"),
        ("API_TOKENS", "hunter2 with spaces in it"),
        ("SMTP_URL", "smtp://ada:hunter2@"),
    ] {
        let Err(error) = from_variables(&[(name, value)]) else {
            panic!("{name} accepts {value}");
        };
        assert!(!error.to_string().contains("hunter"), "{error}");
        assert!(error.to_string().contains(name), "{error}");
    }
    let pairs = [
        ("API_TOKENS", TOKEN),
        ("SMTP_URL", "smtp://ada:hunter2@localhost"),
        ("DATABASE_URL", "sqlite://ada:hunter2@x"),
    ];
    let settings = Settings::gather(&Flags::default(), &variables(&pairs)).unwrap();
    let config = Config::read(&settings).unwrap();
    let shown = format!("{settings:?}");
    assert!(
        !shown.contains("hunter2") && !shown.contains(TOKEN),
        "{shown}"
    );
    assert!(!format!("{:?} {:?}", config.api_tokens, config.smtp_url).contains("hunter2"));
    assert!(
        settings
            .iter()
            .any(|setting| setting.key.shown == Shown::Never && setting.shown() == "[redacted]")
    );
}

#[test]
fn secrets_can_stand_in_files() {
    let folder = tempfile::tempdir().unwrap();
    let tokens = folder.path().join("tokens");
    std::fs::write(&tokens, format!("{TOKEN}\n\nanother-token-of-mine\n")).unwrap();
    let smtp = folder.path().join("smtp");
    std::fs::write(&smtp, "smtp://localhost:2525\n").unwrap();
    let config = from_variables(&[
        ("API_TOKENS_FILE", tokens.to_str().unwrap()),
        ("SMTP_URL_FILE", smtp.to_str().unwrap()),
    ])
    .unwrap();
    let tokens_read: Vec<_> = config
        .api_tokens
        .iter()
        .map(lockstep::config::Secret::expose)
        .collect();
    assert_eq!(tokens_read, [TOKEN, "another-token-of-mine"]);
    assert_eq!(config.smtp_url.unwrap().server(), "localhost:2525");

    let both = problem(&[
        ("API_TOKENS", TOKEN),
        ("API_TOKENS_FILE", tokens.to_str().unwrap()),
    ]);
    assert!(
        both.contains("api_tokens is set as well (environment variable API_TOKENS)"),
        "{both}"
    );
    let missing = problem(&[("SMTP_URL_FILE", "/nonexistent/smtp")]);
    assert!(
        missing.contains("smtp_url_file = \"/nonexistent/smtp\""),
        "{missing}"
    );
    assert!(missing.contains("cannot be read"), "{missing}");
    std::fs::write(&tokens, "\n").unwrap();
    let empty = problem(&[("API_TOKENS_FILE", tokens.to_str().unwrap())]);
    assert!(empty.contains("the file is empty"), "{empty}");
}

#[test]
fn other_machines_are_let_in_with_a_token_only() {
    for host in ["0.0.0.0", "::", "192.0.2.1"] {
        let open = from_variables(&[("HOST", host)]).unwrap();
        let message = open.check_exposure().unwrap_err().to_string();
        assert!(
            message.contains("API_TOKENS") && message.contains("HOST=127.0.0.1"),
            "{message}"
        );
        let closed = from_variables(&[("HOST", host), ("API_TOKENS", TOKEN)]).unwrap();
        closed.check_exposure().unwrap();
    }
    for host in ["localhost", "127.0.0.2", "::1"] {
        from_variables(&[("HOST", host)])
            .unwrap()
            .check_exposure()
            .unwrap();
    }
}
