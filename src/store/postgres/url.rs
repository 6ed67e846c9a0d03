//! Owns taking a `postgres://` URL apart into decoded text.
//! Must not know: what the parameters mean, or files. No error here quotes the URL: it may hold a password, and a
//! password with a character that should have been encoded can end up in any other part of it.

use crate::store::StoreError;

/// The parts of a URL, percent-decoded.
#[derive(Default)]
pub(super) struct Parts {
    pub(super) user: Option<String>,
    pub(super) password: Option<String>,
    /// As they are written: a name, an address or a folder, and a port.
    pub(super) hosts: Vec<(String, Option<String>)>,
    pub(super) dbname: Option<String>,
    pub(super) parameters: Vec<(String, String)>,
}

/// Takes it apart. `postgres://user:password@host:port,host:port/dbname?parameter=value&…`
pub(super) fn parse(url: &str) -> Result<Parts, StoreError> {
    let rest = url
        .strip_prefix("postgres://")
        .or_else(|| url.strip_prefix("postgresql://"))
        .ok_or_else(|| {
            StoreError::unusable(
                "a PostgreSQL URL starts with postgres://, such as postgres://user@host/dbname",
            )
        })?;
    let (authority, tail) = rest.split_at(rest.find(['/', '?', '#']).unwrap_or(rest.len()));
    // An @ behind the authority, or a #, is nearly always a password that should have been encoded. Whatever the URL
    // would then mean, the password would be taken for a name that is shown.
    if tail.contains(['@', '#']) {
        return Err(refused(
            "has an @ or # behind the host: write / as %2F, ? as %3F, # as %23 and @ as %40 in its password, and @ and # so everywhere",
        ));
    }
    let (path, query) = tail.split_once('?').unwrap_or((tail, ""));
    let mut parts = Parts::default();
    let addresses = match authority.rsplit_once('@') {
        Some((person, addresses)) => {
            let (user, password) = person.split_once(':').unwrap_or((person, ""));
            parts.user = not_empty(decode(user)?);
            parts.password = not_empty(decode(password)?);
            addresses
        }
        None => authority,
    };
    if !addresses.is_empty() {
        parts.hosts = addresses.split(',').map(host).collect::<Result<_, _>>()?;
    }
    let dbname = path.strip_prefix('/').unwrap_or(path);
    if dbname.contains('/') {
        return Err(refused(
            "has more than one / behind the host: write / as %2F in a name or password",
        ));
    }
    parts.dbname = not_empty(decode(dbname)?);
    for pair in query.split('&').filter(|pair| !pair.is_empty()) {
        let (name, value) = pair
            .split_once('=')
            .ok_or_else(|| refused("has a parameter without a value: write name=value"))?;
        parts.parameters.push((decode(name)?, decode(value)?));
    }
    Ok(parts)
}

/// `name`, `name:port`, `[::1]:port`, `%2Fvar%2Frun%2Fpostgresql`.
fn host(text: &str) -> Result<(String, Option<String>), StoreError> {
    let (name, port) = match text.strip_prefix('[') {
        Some(rest) => {
            let (name, behind) = rest.split_once(']').ok_or_else(|| {
                refused("has a [ without a ]: write an IPv6 address as [::1]:5432")
            })?;
            (name, behind.strip_prefix(':'))
        }
        None => match text.split_once(':') {
            Some((name, port)) => (name, Some(port)),
            None => (text, None),
        },
    };
    let port = port.map(decode).transpose()?;
    Ok((decode(name)?, port.filter(|port| !port.is_empty())))
}

fn not_empty(text: String) -> Option<String> {
    Some(text).filter(|text| !text.is_empty())
}

pub(super) fn refused(what: &str) -> StoreError {
    StoreError::unusable(format!("the database URL {what}"))
}

fn decode(text: &str) -> Result<String, StoreError> {
    let bad = || {
        refused(
            "has a % that does not stand before two hexadecimal digits of UTF-8 text: write % as %25",
        )
    };
    let mut decoded = Vec::with_capacity(text.len());
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        decoded.push(if byte == b'%' {
            let mut half = || {
                bytes
                    .next()
                    .and_then(|digit| char::from(digit).to_digit(16))
            };
            let (high, low) = half().zip(half()).ok_or_else(bad)?;
            u8::try_from(high * 16 + low).map_err(|_| bad())?
        } else {
            byte
        });
    }
    // The protocol ends every text with a zero.
    String::from_utf8(decoded)
        .ok()
        .filter(|text| !text.contains('\0'))
        .ok_or_else(bad)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn takes_every_part_and_decodes_it() {
        let parts =
            parse("postgresql://me%40home:p%2Fw:%25@one:1,[::1]:2,%2Frun%2Fpg/d%20b?a=%3D&b=")
                .unwrap();
        assert_eq!(parts.user.as_deref(), Some("me@home"));
        assert_eq!(parts.password.as_deref(), Some("p/w:%"));
        assert_eq!(
            parts.hosts,
            [
                ("one".to_owned(), Some("1".to_owned())),
                ("::1".to_owned(), Some("2".to_owned())),
                ("/run/pg".to_owned(), None),
            ]
        );
        assert_eq!(parts.dbname.as_deref(), Some("d b"));
        assert_eq!(
            parts.parameters,
            [
                ("a".to_owned(), "=".to_owned()),
                ("b".to_owned(), String::new())
            ]
        );
    }

    #[test]
    fn what_is_missing_is_none() {
        let parts = parse("postgres://").unwrap();
        assert!(parts.user.is_none() && parts.password.is_none() && parts.dbname.is_none());
        assert!(parts.hosts.is_empty() && parts.parameters.is_empty());
        let parts = parse("postgres:///db?host=/run").unwrap();
        assert_eq!(parts.dbname.as_deref(), Some("db"));
    }

    #[test]
    fn no_refusal_repeats_a_password() {
        for url in [
            "mysql://u:s3cret@h/d",
            "postgres://u:s3cret/x@h/d",
            "postgres://u:x?s3cret@h/d",
            "postgres://u:x#s3cret@h/d",
            "postgres://u:s3cret%@h/d",
            "postgres://u:s3cret%ff@h/d",
            "postgres://u:s3cret%00@h/d",
            "postgres://u:p@h/d?s3cret",
            "postgres://u:p@h/d/s3cret",
            "postgres://u:p@[::1/s3cret",
        ] {
            let error = parse(url).err().expect(url);
            let shown = format!("{error} {error:?}");
            assert!(!shown.contains("s3cret"), "{shown}");
        }
    }
}
