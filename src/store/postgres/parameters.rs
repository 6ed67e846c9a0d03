//! Owns the parameters behind the question mark of a database URL.
//! Must not know: files, or how a connection is made.

use std::{fmt, ops::RangeInclusive, str::FromStr};

use tokio_postgres::config::ChannelBinding;

use super::url::{Parts, refused};
use crate::store::StoreError;

const KNOWN: &str = "sslmode, sslrootcert, channel_binding, connect_timeout, application_name, \
     options, passfile, passwordfile, statement_cache, statement_timeout, lock_timeout, pool_size, \
     host, port, user, password, dbname";

/// An hour, in ms, is longer than anything here waits.
const WAIT: RangeInclusive<u32> = 1..=3_600_000;

/// The parameters, each with its default.
pub(super) struct Given {
    pub(super) sslmode: Option<String>,
    pub(super) sslrootcert: Option<String>,
    pub(super) channel_binding: ChannelBinding,
    pub(super) application_name: Option<String>,
    pub(super) options: Option<String>,
    pub(super) passfile: Option<String>,
    pub(super) passwordfile: Option<String>,
    pub(super) statement_cache: bool,
    pub(super) connect_timeout: u32,
    pub(super) statement_timeout: u32,
    pub(super) lock_timeout: u32,
    pub(super) pool_size: usize,
}

impl Given {
    /// Takes the parameters. Those that say what the front of the URL can say too are put there.
    pub(super) fn take(parts: &mut Parts) -> Result<Self, StoreError> {
        let mut given = Self {
            sslmode: None,
            sslrootcert: None,
            channel_binding: ChannelBinding::Prefer,
            application_name: None,
            options: None,
            passfile: None,
            passwordfile: None,
            statement_cache: true,
            connect_timeout: 5,
            statement_timeout: 30_000,
            lock_timeout: 5_000,
            pool_size: 4,
        };
        let mut port_list = None;
        for (name, value) in std::mem::take(&mut parts.parameters) {
            match name.as_str() {
                "sslmode" => given.sslmode = Some(value),
                "sslrootcert" => given.sslrootcert = Some(value),
                "channel_binding" => given.channel_binding = channel_binding(&value)?,
                "application_name" => given.application_name = Some(value),
                "options" => given.options = Some(value),
                "passfile" => given.passfile = Some(value),
                "passwordfile" => given.passwordfile = Some(value),
                "statement_cache" => given.statement_cache = on_or_off(&value)?,
                "connect_timeout" => given.connect_timeout = number(&name, &value, 1..=600)?,
                "statement_timeout" => given.statement_timeout = number(&name, &value, WAIT)?,
                "lock_timeout" => given.lock_timeout = number(&name, &value, WAIT)?,
                "pool_size" => given.pool_size = number(&name, &value, 1..=64)?,
                "host" => {
                    parts.hosts = value
                        .split(',')
                        .map(|host| (host.to_owned(), None))
                        .collect();
                }
                "port" => port_list = Some(value),
                "user" => parts.user = Some(value),
                "password" => parts.password = Some(value),
                "dbname" => parts.dbname = Some(value),
                // What looks like no name is not repeated: it may be a piece of a password.
                name if !name
                    .bytes()
                    .all(|byte| byte.is_ascii_lowercase() || byte == b'_') =>
                {
                    return Err(refused(&format!("has a parameter that is none of {KNOWN}")));
                }
                name => {
                    return Err(refused(&format!(
                        "has the parameter {name}, which is none of {KNOWN}"
                    )));
                }
            }
        }
        if let Some(list) = port_list {
            put_ports(&mut parts.hosts, &list)?;
        }
        Ok(given)
    }
}

pub(super) fn number<T>(
    name: &str,
    value: &str,
    allowed: RangeInclusive<T>,
) -> Result<T, StoreError>
where
    T: FromStr + PartialOrd + fmt::Display,
{
    value
        .parse()
        .ok()
        .filter(|number| allowed.contains(number))
        .ok_or_else(|| {
            refused(&format!(
                "has a {name} that is not a whole number from {} to {}",
                allowed.start(),
                allowed.end()
            ))
        })
}

fn on_or_off(value: &str) -> Result<bool, StoreError> {
    match value {
        "on" => Ok(true),
        "off" => Ok(false),
        _ => Err(refused("has a statement_cache that is neither on nor off")),
    }
}

fn channel_binding(value: &str) -> Result<ChannelBinding, StoreError> {
    match value {
        "disable" => Ok(ChannelBinding::Disable),
        "prefer" => Ok(ChannelBinding::Prefer),
        "require" => Ok(ChannelBinding::Require),
        _ => Err(refused(
            "has a channel_binding that is none of disable, prefer, require",
        )),
    }
}

/// One port for all hosts, or one for each.
fn put_ports(hosts: &mut Vec<(String, Option<String>)>, list: &str) -> Result<(), StoreError> {
    let ports: Vec<_> = list.split(',').collect();
    if hosts.is_empty() {
        hosts.push((String::new(), None));
    }
    if ports.len() != 1 && ports.len() != hosts.len() {
        return Err(refused("has another number of ports than of hosts"));
    }
    for ((_, port), given) in hosts.iter_mut().zip(ports.iter().cycle()) {
        *port = Some((*given).to_owned());
    }
    Ok(())
}
