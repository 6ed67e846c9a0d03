//! Owns opening the file: what is refused, and what every connection is set to.
//! Must not know: tables.

use std::{
    fs::{File, OpenOptions},
    io::Read,
    path::{Path, PathBuf},
    thread,
    time::{Duration, Instant},
};

use diesel::{
    Connection, QueryResult, RunQueryDsl,
    connection::SimpleConnection,
    dsl::sql,
    sql_types::{BigInt, Text},
    sqlite::SqliteConnection,
};

use crate::store::StoreError;

/// `PRAGMA application_id` of our files: "Lkst".
const APPLICATION_ID: u32 = 0x4c6b_7374;
/// 3.51.3 mended a bug that corrupts files in WAL mode.
const OLDEST_SQLITE: [u32; 3] = [3, 51, 3];
/// How long the start waits for other processes that make the same file: as long as any statement waits for a lock.
const PATIENCE: Duration = Duration::from_secs(5);
/// What the connection that writes is set to. The bench's raw loop has the same.
pub(super) const WRITER_SETTINGS: &str = "PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON; \
     PRAGMA trusted_schema = OFF; PRAGMA cell_size_check = ON; PRAGMA wal_autocheckpoint = 16000; \
     PRAGMA journal_size_limit = 67108864; PRAGMA cache_size = -16384";
const HEADER_LENGTH: usize = 100;
const MAGIC: &[u8; 16] = b"SQLite format 3\0";

/// The file that a URL names: `users.db`, `sqlite:users.db`, `sqlite://users.db`, `sqlite:///var/lib/users.db`.
pub(in crate::store) fn path_of(url: &str) -> Result<PathBuf, StoreError> {
    if let Some((scheme, _)) = url
        .split_once("://")
        .filter(|(scheme, _)| *scheme != "sqlite")
    {
        return Err(StoreError::unusable(format!(
            "{scheme}:// is not supported: give a file, such as users.db, or postgres://user@host/database"
        )));
    }
    let path = url
        .strip_prefix("sqlite://")
        .or_else(|| url.strip_prefix("sqlite:"))
        .unwrap_or(url);
    if path.is_empty() || path.contains(":memory:") || path.contains('\0') {
        return Err(StoreError::unusable(
            "the database must be a file, such as users.db: workers and readers have connections of their own",
        ));
    }
    Ok(PathBuf::from(path))
}

/// Looks at the file without SQLite, so that nothing of a file that is not ours is touched. To be called before this
/// process has connections to it: POSIX gives up all of a process's locks on a file that it closes once.
pub(super) fn inspect(path: &Path) -> Result<(), StoreError> {
    let shown = path.display();
    let refuse = |what: String| Err(StoreError::unusable(what));
    let folder = path
        .parent()
        .filter(|folder| !folder.as_os_str().is_empty());
    if let Some(folder) = folder.filter(|folder| !folder.is_dir()) {
        return refuse(format!(
            "cannot open {shown}: the folder {} does not exist",
            folder.display()
        ));
    }
    if path.is_dir() {
        return refuse(format!("cannot open {shown}: it is a folder"));
    }
    if !path.exists() {
        return Ok(());
    }
    let mut header = Vec::with_capacity(HEADER_LENGTH);
    let read =
        File::open(path).and_then(|file| file.take(HEADER_LENGTH as u64).read_to_end(&mut header));
    if let Err(source) = read.and_then(|_| OpenOptions::new().append(true).open(path)) {
        let message = format!("cannot open {shown} for reading and writing: check its permissions");
        return Err(StoreError::Unusable {
            message,
            source: Some(Box::new(source)),
        });
    }
    match header.as_slice() {
        [] => Ok(()),
        short if short.len() < HEADER_LENGTH || !short.starts_with(MAGIC) => refuse(format!(
            "{shown} is not a SQLite database: name another file"
        )),
        header if header[68..72] != APPLICATION_ID.to_be_bytes() => refuse(format!(
            "{shown} is a SQLite database of another program: name another file"
        )),
        _ => Ok(()),
    }
}

/// The connection that writes. Creates the file.
pub(super) fn open_writer(path: &Path) -> Result<SqliteConnection, StoreError> {
    let mut conn = connect(path, "rwc")?;
    conn.batch_execute("PRAGMA busy_timeout = 5000")?;
    check_version(&mut conn)?;
    // SQLite waits for nobody here, and several processes may be making the same new file.
    let deadline = Instant::now() + PATIENCE;
    while let Err(error) = format(&mut conn, path) {
        if !error.to_string().contains("database is locked") || Instant::now() >= deadline {
            return Err(error.into());
        }
        thread::sleep(Duration::from_millis(5));
    }
    conn.batch_execute(WRITER_SETTINGS)?;
    assert_setting(&mut conn, "PRAGMA synchronous", 2, "synchronous=FULL")?;
    assert_setting(&mut conn, "PRAGMA foreign_keys", 1, "foreign_keys=ON")?;
    let mode = sql::<Text>("PRAGMA journal_mode").get_result::<String>(&mut conn)?;
    if mode != "wal" {
        return Err(StoreError::unusable(format!(
            "{} cannot be switched to WAL mode: put it on a local file system",
            path.display()
        )));
    }
    Ok(conn)
}

/// Makes it a WAL file with our page size and mark, which must be in it before. Changes nothing of one that is.
fn format(conn: &mut SqliteConnection, path: &Path) -> QueryResult<()> {
    if path.metadata().map_or(true, |file| file.len() == 0) {
        conn.batch_execute(&format!(
            "PRAGMA page_size = 8192; PRAGMA application_id = {APPLICATION_ID}"
        ))?;
    }
    conn.batch_execute("PRAGMA journal_mode = WAL")
}

/// A connection that only reads.
pub(super) fn open_reader(path: &Path) -> Result<SqliteConnection, StoreError> {
    let mut conn = connect(path, "rw")?;
    conn.batch_execute(
        "PRAGMA busy_timeout = 5000; PRAGMA query_only = ON; PRAGMA trusted_schema = OFF; \
         PRAGMA cell_size_check = ON; PRAGMA cache_size = -4096",
    )?;
    Ok(conn)
}

fn connect(path: &Path, mode: &str) -> Result<SqliteConnection, StoreError> {
    // As a URI, so that no file name can be taken for one.
    let mut name = String::from("file:");
    for byte in path.as_os_str().as_encoded_bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'/' | b'.' | b'-' | b'_' => {
                name.push(char::from(*byte));
            }
            other => name.extend(['%', hex(other >> 4), hex(other & 15)]),
        }
    }
    SqliteConnection::establish(&format!("{name}?mode={mode}")).map_err(|error| {
        StoreError::Unavailable {
            reason: "its file cannot be opened",
            source: Some(Box::new(error)),
        }
    })
}

fn hex(half: u8) -> char {
    char::from(if half < 10 {
        b'0' + half
    } else {
        b'a' + half - 10
    })
}

fn check_version(conn: &mut SqliteConnection) -> Result<(), StoreError> {
    let version = sql::<Text>("SELECT sqlite_version()").get_result::<String>(conn)?;
    let mut parts = version.split('.').map(|part| part.parse().unwrap_or(0_u32));
    let found = [(); 3].map(|()| parts.next().unwrap_or(0));
    if found < OLDEST_SQLITE {
        return Err(StoreError::unusable(format!(
            "SQLite {version} can corrupt files: build with 3.51.3 or newer (feature `bundled`)"
        )));
    }
    Ok(())
}

fn assert_setting(
    conn: &mut SqliteConnection,
    query: &str,
    expected: i64,
    what: &str,
) -> Result<(), StoreError> {
    let found = sql::<BigInt>(query).get_result::<i64>(conn)?;
    if found == expected {
        Ok(())
    } else {
        Err(StoreError::unusable(format!(
            "SQLite does not take {what}: durability would be a pretence"
        )))
    }
}

/// Whether the file is sound, in SQLite's words for what is not. Reads all of it.
pub(super) fn quick_check(conn: &mut SqliteConnection) -> Result<Option<String>, StoreError> {
    let answer = sql::<Text>("PRAGMA quick_check(1)").get_result::<String>(conn)?;
    Ok(Some(answer).filter(|answer| answer != "ok"))
}
