//! Owns the synchronous Diesel connection, and the runtime that each has to itself.
//! Must not know: tables, or which thread it is on.
//!
//! A statement is one task on the thread that waits for it: with a runtime that others share, each would pay for two
//! wake-ups across threads. Between statements nothing is polled. What the server says meanwhile waits in the socket,
//! and if it has hung up, that is the first thing the next statement reads.

use std::{
    cell::{Cell, RefCell},
    future::Future,
    mem,
    pin::Pin,
    task::{Context, Waker},
    time::Duration,
};

use diesel::{
    QueryResult,
    connection::{CacheSize, Connection as _},
};
use diesel_async::{
    AsyncPgConnection, SimpleAsyncConnection,
    async_connection_wrapper::{AsyncConnectionWrapper, BlockOn},
};
use futures::FutureExt;
use tokio::{
    runtime::{Builder, Handle, Runtime},
    time::timeout,
};

use super::{
    classify::{LOST, classify},
    connect::{Driver, connect},
    settings::Settings,
};
use crate::store::{Cause, StoreError};

/// A connection for Diesel's synchronous calls. Comes from `open` only. Not for the threads of another runtime, but
/// `spawn_blocking` is fine.
pub(super) type Conn = AsyncConnectionWrapper<AsyncPgConnection, OwnRuntime>;

/// How long a connection's end may take.
const PATIENCE: Duration = Duration::from_millis(100);

thread_local! {
    /// Diesel's wrapper asks for its runtime without a word about which connection it is for.
    static HANDOVER: Cell<Option<OwnRuntime>> = const { Cell::new(None) };
}

/// Connects.
pub(super) fn open(settings: &Settings) -> Result<Conn, StoreError> {
    let own = OwnRuntime::new(settings.statement_limit())?;
    let (client, driver) = own.block_on(connect(settings))?;
    own.driver.replace(driver);
    let pooled = !settings.statement_cache;
    let mut inner = own
        .block_on(async {
            // Diesel prepares two statements here. A pooler keeps a session for the length of a transaction, so that
            // they are found where they were prepared.
            if pooled {
                client.batch_execute("BEGIN").await?;
            }
            Ok(AsyncPgConnection::try_from(client).await)
        })
        .map_err(|error| classify(error, settings, &settings.name()))?
        .map_err(lost)?;
    if pooled {
        own.block_on(inner.batch_execute("COMMIT")).map_err(lost)?;
    }
    HANDOVER.set(Some(own));
    let mut conn = Conn::from(inner);
    if pooled {
        conn.set_prepared_statement_cache_size(CacheSize::Disabled);
    }
    Ok(conn)
}

/// Somebody else's connection, which somebody else drives on the runtime of `handle`. Not for that runtime's own threads.
pub(super) fn lent(conn: AsyncPgConnection, handle: Handle) -> Conn {
    HANDOVER.set(Some(OwnRuntime {
        runtime: Where::Theirs(handle),
        driver: RefCell::new(Driver::idle()),
        limit: None,
    }));
    Conn::from(conn)
}

/// Connects once more. Who was let in before and is not now is told so in passing: somebody may be at it.
pub(super) fn reopen(settings: &Settings) -> Result<Conn, StoreError> {
    open(settings).map_err(|error| match error {
        StoreError::Unusable { .. } => StoreError::Unavailable {
            reason: "it does not let this program in any more",
            source: Some(Box::new(error)),
        },
        error => error,
    })
}

/// Hands a command over that goes to the server together with the next statement. Nobody waits for its answer: only for
/// commands whose failure the next statement tells as well.
pub(super) fn send_ahead(conn: &mut Conn, command: &str) -> QueryResult<()> {
    let mut inner: &AsyncPgConnection = conn;
    inner
        .batch_execute(command)
        .now_or_never()
        .unwrap_or(Ok(()))
}

fn lost(error: impl Into<Cause>) -> StoreError {
    StoreError::Unavailable {
        reason: LOST,
        source: Some(error.into()),
    }
}

/// The runtime of one connection.
pub(super) struct OwnRuntime {
    runtime: Where,
    driver: RefCell<Driver>,
    /// How long a statement may take. The server breaks it off before that: if it does not, it cannot be reached.
    limit: Option<Duration>,
}

enum Where {
    Own(Runtime),
    Theirs(Handle),
    /// It is dropped, or nobody has handed one over.
    Nowhere,
}

impl OwnRuntime {
    fn new(limit: Option<Duration>) -> Result<Self, StoreError> {
        let runtime = Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(|error| StoreError::Unavailable {
                reason: "this process has no file handles left",
                source: Some(Box::new(error)),
            })?;
        Ok(Self {
            runtime: Where::Own(runtime),
            driver: RefCell::new(Driver::idle()),
            limit,
        })
    }
}

impl BlockOn for OwnRuntime {
    fn block_on<F: Future>(&self, work: F) -> F::Output {
        match &self.runtime {
            Where::Own(runtime) => {
                let mut driver = self.driver.borrow_mut();
                runtime.block_on(driver.drive_within(self.limit, work))
            }
            Where::Theirs(handle) => handle.block_on(work),
            Where::Nowhere => unreachable!("a Conn is made here, where a runtime is handed over"),
        }
    }

    fn get_runtime() -> Self {
        HANDOVER.take().unwrap_or(Self {
            runtime: Where::Nowhere,
            driver: RefCell::new(Driver::idle()),
            limit: None,
        })
    }
}

impl Drop for OwnRuntime {
    /// The client is dropped by now. The driver takes the last answers and says goodbye, so that no server logs a lost
    /// client. A thread that another runtime may be on is not made to wait: there it is polled once.
    fn drop(&mut self) {
        let Where::Own(runtime) = mem::replace(&mut self.runtime, Where::Nowhere) else {
            return;
        };
        let mut driver = self.driver.replace(Driver::idle());
        if Handle::try_current().is_err() {
            let goodbye = async { timeout(PATIENCE, &mut driver).await.is_ok() };
            runtime.block_on(goodbye);
        } else {
            let _ = Pin::new(&mut driver).poll(&mut Context::from_waker(Waker::noop()));
        }
        // The name of a host may still be looked up: not waited for either.
        drop(driver);
        runtime.shutdown_background();
    }
}
