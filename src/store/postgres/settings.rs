//! Owns what a database URL says: its parameters, their defaults, and what each may be.
//! Must not know: how a connection is made, the environment, or tables.
//!
//! Differences from libpq: `sslmode` is `disable` if every host is this machine and `verify-full` otherwise (never a
//! silent fall-back to plain text); the password file is read only if `passfile` names it; a user must be named.

use std::{
    fmt::{self, Write as _},
    net::IpAddr,
    path::Path,
    str::FromStr,
    time::Duration,
};

use tokio_postgres::config::ChannelBinding;
use tokio_postgres_rustls::MakeRustlsConnect;

use super::{
    parameters::{Given, number},
    passfile::{self, Wanted},
    tls::{self, Mode},
    url::{self, refused},
};
use crate::store::StoreError;

/// A password, which shows nowhere.
#[derive(Clone)]
pub(super) struct Secret(String);

impl Secret {
    pub(super) fn reveal(&self) -> &str {
        &self.0
    }
}

/// One server to try.
#[derive(Clone)]
pub(super) struct Host {
    /// A name, an address, or the folder of a Unix socket.
    pub(super) name: String,
    pub(super) port: u16,
    pub(super) password: Option<Secret>,
}

impl Host {
    pub(super) fn is_socket(&self) -> bool {
        self.name.starts_with('/')
    }

    /// Whether nobody else can listen in.
    fn is_local(&self) -> bool {
        self.is_socket()
            || self.name == "localhost"
            || IpAddr::from_str(&self.name).is_ok_and(|address| address.is_loopback())
    }
}

/// `host:port`, as a person would write it.
impl fmt::Display for Host {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.name.contains(':') {
            write!(out, "[{}]:{}", self.name, self.port)
        } else {
            write!(out, "{}:{}", self.name, self.port)
        }
    }
}

/// Everything that a URL says. Read once at the start, certificates and password files with it.
#[derive(Clone)]
pub(in crate::store) struct Settings {
    pub(super) hosts: Vec<Host>,
    pub(super) user: String,
    pub(super) dbname: String,
    pub(super) application_name: String,
    pub(super) options: Option<String>,
    pub(super) channel_binding: ChannelBinding,
    pub(super) connect_timeout: Duration,
    /// Off for a pooler that gives every transaction another session, such as PgBouncer.
    pub(super) statement_cache: bool,
    pub(super) pool_size: usize,
    pub(super) tls: Option<MakeRustlsConnect>,
    pub(super) statement_timeout: u32,
    pub(super) lock_timeout: u32,
}

impl fmt::Debug for Settings {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "Settings({}@{})", self.user, self.name())
    }
}

impl Settings {
    /// Reads `postgres://user:password@host:port/dbname?parameter=value`, and the files that it names.
    pub(super) fn parse(url: &str) -> Result<Self, StoreError> {
        let mut parts = url::parse(url)?;
        let given = Given::take(&mut parts)?;
        let user = parts
            .user
            .ok_or_else(|| refused("names no user: write postgres://USER@HOST/DATABASE"))?;
        // As libpq does.
        let dbname = parts.dbname.unwrap_or_else(|| user.clone());
        let mut hosts = hosts(parts.hosts)?;
        let password = match (parts.password, &given.passwordfile) {
            (Some(_), Some(_)) => {
                return Err(refused("has a password and a passwordfile: keep one"));
            }
            (password, None) => password,
            (None, Some(path)) => Some(passfile::whole(Path::new(path))?),
        };
        for host in &mut hosts {
            host.password = match (&password, &given.passfile) {
                (Some(password), _) => Some(password.clone()),
                (None, None) => None,
                (None, Some(path)) => {
                    let names = [host.name.as_str(), "localhost"];
                    let wanted = Wanted {
                        hosts: &names[..=usize::from(host.is_socket())],
                        port: host.port,
                        dbname: &dbname,
                        user: &user,
                    };
                    passfile::look_up(Path::new(path), &wanted)?
                }
            }
            .map(Secret);
        }
        let mode = given
            .sslmode
            .as_deref()
            .map_or_else(|| Ok(mode(&hosts)), Mode::parse)?;
        Ok(Self {
            tls: tls::connector(mode, given.sslrootcert.as_deref())?,
            hosts,
            user,
            dbname,
            application_name: given.application_name.unwrap_or_else(|| "lockstep".into()),
            options: given.options,
            channel_binding: given.channel_binding,
            connect_timeout: Duration::from_secs(given.connect_timeout.into()),
            statement_cache: given.statement_cache,
            pool_size: given.pool_size,
            statement_timeout: given.statement_timeout,
            lock_timeout: given.lock_timeout,
        })
    }

    /// What people are shown: hosts, ports and the database.
    pub(super) fn name(&self) -> String {
        let mut shown = String::new();
        for (at, host) in self.hosts.iter().enumerate() {
            let comma = if at == 0 { "" } else { "," };
            // Writing to a String does not fail.
            let _ = write!(shown, "{comma}{host}");
        }
        shown + "/" + &self.dbname
    }
}

/// What a URL without `sslmode` means.
fn mode(hosts: &[Host]) -> Mode {
    if hosts.iter().all(Host::is_local) {
        Mode::Disable
    } else {
        Mode::VerifyFull
    }
}

fn hosts(mut given: Vec<(String, Option<String>)>) -> Result<Vec<Host>, StoreError> {
    if given.is_empty() {
        given.push((String::new(), None));
    }
    given
        .into_iter()
        .map(|(name, port)| {
            Ok(Host {
                name: Some(name)
                    .filter(|name| !name.is_empty())
                    .unwrap_or_else(|| "localhost".into()),
                port: port.map_or(Ok(5432), |port| number("port", &port, 1..=65535))?,
                password: None,
            })
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(url: &str) -> Settings {
        Settings::parse(url).expect(url)
    }

    fn refusal(url: &str) -> String {
        Settings::parse(url).expect_err(url).to_string()
    }

    #[test]
    fn the_defaults_are_those_of_the_manual() {
        let settings = parse("postgres://me@localhost");
        assert_eq!(settings.name(), "localhost:5432/me");
        assert_eq!(settings.application_name, "lockstep");
        assert_eq!(settings.connect_timeout, Duration::from_secs(5));
        assert_eq!(
            (settings.statement_timeout, settings.lock_timeout),
            (30_000, 5_000)
        );
        assert_eq!((settings.pool_size, settings.statement_cache), (4, true));
        assert_eq!(parse("postgres://me@/d").name(), "localhost:5432/d");
    }

    #[test]
    fn other_machines_are_spoken_to_by_tls() {
        let of = |text: &str| {
            let parts = url::parse(&format!("postgres://me@{text}/d")).unwrap();
            mode(&hosts(parts.hosts).unwrap())
        };
        for local in [
            "",
            "localhost",
            "127.0.0.9",
            "[::1]",
            "%2Frun%2Fpg",
            "localhost,[::1]",
        ] {
            assert_eq!(of(local), Mode::Disable, "{local}");
        }
        for far in ["db.example", "10.0.0.1", "localhost,db.example"] {
            assert_eq!(of(far), Mode::VerifyFull, "{far}");
            let plain = format!("postgres://me@{far}/d?sslmode=disable");
            assert!(parse(&plain).tls.is_none());
        }
        assert!(refusal("postgres://me@h/d?sslmode=prefer").contains("require"));
    }

    #[test]
    fn hosts_and_ports_are_named_in_either_place() {
        let settings = parse("postgres:///d?user=me&host=a,/run/pg&port=1,2&sslmode=disable");
        assert_eq!(settings.name(), "a:1,/run/pg:2/d");
        let settings = parse("postgres://me@a,[::1]:7/d?port=6&sslmode=disable");
        assert_eq!(settings.name(), "a:6,[::1]:6/d");
        assert!(refusal("postgres://me@a/d?port=1,2").contains("ports"));
        assert!(refusal("postgres://me@a:0/d").contains("1 to 65535"));
    }

    #[test]
    fn a_parameter_that_nobody_knows_is_named() {
        assert!(refusal("postgres://me@h/d?sslkey=x").contains("sslkey"));
        assert!(refusal("postgres://me@h/d?pool_size=65").contains("1 to 64"));
        assert!(refusal("postgres://me@h/d?statement_cache=no").contains("off"));
        assert!(refusal("postgres://h/d").contains("USER"));
        let odd = refusal("postgres://me@h/d?s3%63ret%21=x");
        assert!(!odd.contains("s3cret"), "{odd}");
    }

    #[test]
    fn a_password_comes_from_one_place_and_goes_nowhere() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("secret");
        std::fs::write(&path, "s3cret\n").unwrap();
        let path = path.display();
        let settings = parse(&format!("postgres://me@localhost/d?passwordfile={path}"));
        let shown = format!("{settings:?} {:#?} {}", settings, settings.name());
        assert!(!shown.contains("s3cret") && shown.contains("me@localhost:5432/d"));
        let password = settings.hosts[0].password.as_ref().unwrap();
        assert_eq!(password.reveal(), "s3cret");
        assert!(refusal(&format!("postgres://me:x@h/d?passwordfile={path}")).contains("keep one"));
    }
}
