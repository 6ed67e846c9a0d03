//! Owns reading a password from a file: libpq's `~/.pgpass` format, and a file that holds nothing else.
//! Must not know: URLs, connections, or the environment. `PGPASSFILE` is not consulted; a file is named or not read.

use std::{
    fs::{self, File},
    io::Read,
    path::Path,
};

use crate::store::{Cause, StoreError};

/// What a line of the file must match.
pub(super) struct Wanted<'a> {
    /// The names that the host goes by: a socket's folder is also `localhost`.
    pub(super) hosts: &'a [&'a str],
    pub(super) port: u16,
    pub(super) dbname: &'a str,
    pub(super) user: &'a str,
}

/// The password on the first line that matches.
pub(super) fn look_up(path: &Path, wanted: &Wanted<'_>) -> Result<Option<String>, StoreError> {
    let mut file = File::open(path).map_err(|source| unreadable(path, source.into()))?;
    refuse_if_shared(&file, path)?;
    let mut text = String::new();
    file.read_to_string(&mut text)
        .map_err(|source| unreadable(path, source.into()))?;
    Ok(find(&text, wanted))
}

/// The whole of a file such as a mounted secret, without the newline at its end. No question of permissions: what
/// mounts secrets often makes them readable for all inside a container.
pub(super) fn whole(path: &Path) -> Result<String, StoreError> {
    let text = fs::read_to_string(path).map_err(|source| unreadable(path, source.into()))?;
    let password = text.strip_suffix('\n').unwrap_or(&text);
    let password = password.strip_suffix('\r').unwrap_or(password);
    if password.is_empty() || password.contains('\0') {
        return Err(StoreError::unusable(format!(
            "the password file {} must hold a password and nothing else",
            path.display()
        )));
    }
    Ok(password.to_owned())
}

fn unreadable(path: &Path, source: Cause) -> StoreError {
    StoreError::Unusable {
        message: format!(
            "cannot read the password file {}: check its name and permissions",
            path.display()
        ),
        source: Some(source),
    }
}

#[cfg(unix)]
fn refuse_if_shared(file: &File, path: &Path) -> Result<(), StoreError> {
    use std::os::unix::fs::PermissionsExt;

    let meta = file
        .metadata()
        .map_err(|source| unreadable(path, source.into()))?;
    let shown = path.display();
    if !meta.is_file() {
        return Err(StoreError::unusable(format!(
            "the password file {shown} is not a plain file"
        )));
    }
    if meta.permissions().mode() & 0o077 != 0 {
        return Err(StoreError::unusable(format!(
            "the password file {shown} is open to its group or to everybody: run chmod 600 {shown}"
        )));
    }
    Ok(())
}

#[cfg(not(unix))]
fn refuse_if_shared(_file: &File, _path: &Path) -> Result<(), StoreError> {
    Ok(())
}

fn find(text: &str, wanted: &Wanted<'_>) -> Option<String> {
    let port = wanted.port.to_string();
    text.lines()
        .filter(|line| !line.starts_with('#'))
        .find_map(|line| {
            let mut rest = line;
            let [host, port_field, dbname, user] = [(); 4].map(|()| take_field(&mut rest));
            let matches = host
                .as_ref()
                .is_some_and(|host| wanted.hosts.iter().any(|name| host.matches(name)))
                && port_field.is_some_and(|field| field.matches(&port))
                && dbname.is_some_and(|field| field.matches(wanted.dbname))
                && user.is_some_and(|field| field.matches(wanted.user));
            matches.then(|| split_field(rest).0)
        })
        .filter(|password| !password.is_empty())
}

/// One of the fields before the password.
struct Field {
    any: bool,
    text: String,
}

impl Field {
    fn matches(&self, wanted: &str) -> bool {
        self.any || self.text == wanted
    }
}

/// Takes a field and its colon off the line. None: there is no colon.
fn take_field(line: &mut &str) -> Option<Field> {
    let (text, rest) = split_field(line);
    let field = Field {
        // `\*` is a star that matches only itself.
        any: line.starts_with("*:"),
        text,
    };
    *line = rest?;
    Some(field)
}

/// The text before the first bare colon, without its backslashes, and what stands behind that colon.
fn split_field(line: &str) -> (String, Option<&str>) {
    let mut text = String::new();
    let mut chars = line.char_indices();
    while let Some((at, char)) = chars.next() {
        match char {
            ':' => return (text, line.get(at + 1..)),
            '\\' => text.push(chars.next().map_or('\\', |(_, escaped)| escaped)),
            other => text.push(other),
        }
    }
    (text, None)
}

#[cfg(test)]
mod tests {
    use super::*;

    const WANTED: Wanted<'_> = Wanted {
        hosts: &["db.example"],
        port: 5432,
        dbname: "jobs",
        user: "me",
    };

    #[test]
    fn the_first_line_that_matches_wins() {
        let text = "# db.example:5432:jobs:me:comment\n\ndb.example:5433:jobs:me:port\n\
                    db.example:5432:jobs:you:user\n*:*:*:me:first\ndb.example:5432:jobs:me:second\n";
        assert_eq!(find(text, &WANTED).as_deref(), Some("first"));
        assert_eq!(find("db.example:5432:jobs:me\n", &WANTED), None);
        assert_eq!(find("db.example:5432:jobs:me:\n", &WANTED), None);
        assert_eq!(find("other:*:*:*:x\n", &WANTED), None);
        assert_eq!(
            find("db.example:*:jobs:me:crlf\r\n", &WANTED).as_deref(),
            Some("crlf")
        );
    }

    #[test]
    fn backslashes_escape() {
        assert_eq!(
            find(r"*:*:*:*:a\:b\\c:ignored", &WANTED).as_deref(),
            Some(r"a:b\c")
        );
        assert_eq!(find(r"\*:*:*:*:x", &WANTED), None);
        let colons = Wanted {
            hosts: &["::1"],
            ..WANTED
        };
        assert_eq!(find(r"\:\:1:*:*:*:six", &colons).as_deref(), Some("six"));
        let star = Wanted {
            user: "*",
            ..WANTED
        };
        assert_eq!(find(r"*:*:*:\*:s", &star).as_deref(), Some("s"));
    }

    #[test]
    fn a_socket_goes_by_two_names() {
        let socket = Wanted {
            hosts: &["/run/postgresql", "localhost"],
            ..WANTED
        };
        for host in ["/run/postgresql", "localhost", "*"] {
            assert!(find(&format!("{host}:*:*:*:x"), &socket).is_some());
        }
    }

    #[cfg(unix)]
    #[test]
    fn a_file_that_others_can_read_is_refused() {
        use std::os::unix::fs::PermissionsExt;

        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("pgpass");
        fs::write(&path, "*:*:*:*:s3cret\n").unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
        let error = look_up(&path, &WANTED).unwrap_err().to_string();
        assert!(error.contains("chmod 600") && !error.contains("s3cret"));
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        assert_eq!(look_up(&path, &WANTED).unwrap().as_deref(), Some("s3cret"));
        assert!(look_up(&folder.path().join("none"), &WANTED).is_err());
    }

    #[test]
    fn a_secret_is_the_whole_file_but_for_its_last_newline() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("secret");
        for (content, password) in [(" a:b \n", " a:b "), ("x\n\n", "x\n"), ("x", "x")] {
            fs::write(&path, content).unwrap();
            assert_eq!(whole(&path).unwrap(), password);
        }
        fs::write(&path, "\n").unwrap();
        assert!(whole(&path).is_err());
    }
}
