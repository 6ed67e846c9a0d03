//! Owns databases for this engine's own tests: with our tables, gone with the test.
//! Must not know: what is tested.

use std::env;

use diesel::connection::SimpleConnection;

use super::{Conn, settings::Settings, sql::migrate, wrapper};

pub(super) struct Scratch {
    server: String,
    name: String,
    pub(super) conn: Conn,
}

impl Scratch {
    #[allow(clippy::disallowed_methods, reason = "what tests/run tells the tests")]
    pub(super) fn new() -> Self {
        let server = env::var("LOCKSTEP_TEST_POSTGRES").expect(
            "this test needs PostgreSQL: run it as `tests/postgres cargo test …`, which starts a private one",
        );
        let name = format!("scratch_{:016x}", rand::random::<u64>());
        open(&server)
            .batch_execute(&format!("CREATE DATABASE {name}"))
            .unwrap();
        let mut conn = open(&within(&server, &name));
        migrate::up(&mut conn).unwrap();
        Self { server, name, conn }
    }

    /// Another connection to it.
    pub(super) fn another(&self) -> Conn {
        open(&within(&self.server, &self.name))
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let gone = format!("DROP DATABASE {} WITH (FORCE)", self.name);
        let dropped = open(&self.server).batch_execute(&gone);
        assert!(dropped.is_ok() || std::thread::panicking(), "{dropped:?}");
    }
}

/// The server's URL with another database in it.
fn within(server: &str, name: &str) -> String {
    let (address, parameters) = server.split_once('?').unwrap_or((server, ""));
    let (host, _) = address.rsplit_once('/').unwrap();
    format!("{host}/{name}?{parameters}")
}

/// Filling a table may take as long as it likes.
fn open(url: &str) -> Conn {
    let join = if url.contains('?') { '&' } else { '?' };
    let patient = format!("{url}{join}options=-c%20statement_timeout%3D0");
    wrapper::open(&Settings::parse(&patient).unwrap()).unwrap()
}
