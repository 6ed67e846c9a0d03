//! What the tests share: servers on port 0, databases of their own, waiting on events.

pub(crate) mod database; // a file of its own for each test
pub(crate) mod place; // where a database is, and what is done behind the store's back
pub(crate) mod process; // a server or a worker of the real binary
pub(crate) mod server; // a server on port 0, and raw requests to it
pub(crate) mod smtp; // a scripted SMTP server on loopback
