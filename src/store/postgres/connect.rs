//! Owns making one connection to PostgreSQL, and driving it.
//! Must not know: tables, Diesel, or what a URL looks like.

use std::{
    future::{Future, poll_fn},
    pin::{Pin, pin},
    task::{Context, Poll},
    time::Duration,
};

use futures::{
    Stream, StreamExt,
    stream::{self, BoxStream},
};
use tokio_postgres::{
    AsyncMessage, Client, Config, Connection, Error, NoTls, Socket,
    config::{SslMode, TargetSessionAttrs},
    tls::TlsStream,
};

use super::{
    classify::{TIMEOUT, classify, waited},
    settings::{Host, Settings},
};
use crate::store::StoreError;

/// A peer that has not acknowledged anything for so long is gone.
const PATIENCE: Duration = Duration::from_secs(10);

/// A connection whose session is set up. Nothing moves on it unless its driver is polled: as a future, or as a stream
/// of what the server says unasked.
pub(in crate::store) async fn connect(settings: &Settings) -> Result<(Client, Driver), StoreError> {
    let mut failure = StoreError::unavailable("no host is named");
    for host in &settings.hosts {
        match connect_to(settings, host).await {
            Err(error) if error.retryable() => failure = error,
            done => return done,
        }
    }
    Err(failure)
}

async fn connect_to(settings: &Settings, host: &Host) -> Result<(Client, Driver), StoreError> {
    let at = host.to_string();
    // tokio-postgres' own limit is for the socket only; a server that accepts and stays silent is as bad.
    tokio::time::timeout(settings.connect_timeout, establish(settings, host))
        .await
        .map_err(|elapsed| StoreError::Unavailable {
            reason: TIMEOUT,
            source: Some(format!("{}: {elapsed}", waited(&at)).into()),
        })?
        .map_err(|error| classify(error, settings, &at))
}

async fn establish(settings: &Settings, host: &Host) -> Result<(Client, Driver), Error> {
    let config = config(settings, host);
    let (client, mut driver) = match &settings.tls {
        // libpq does not wrap a socket either.
        Some(tls) if !host.is_socket() => {
            let (client, connection) = config.connect(tls.clone()).await?;
            (client, Driver::new(connection))
        }
        _ => {
            let (client, connection) = config.connect(NoTls).await?;
            (client, Driver::new(connection))
        }
    };
    // A pooler's session is somebody else's next.
    if settings.statement_cache {
        let sql = settings.session_sql();
        driver.drive(client.batch_execute(&sql)).await?;
    }
    Ok((client, driver))
}

fn config(settings: &Settings, host: &Host) -> Config {
    let mut config = Config::new();
    config
        .host(&host.name)
        .port(host.port)
        .user(&settings.user)
        .dbname(&settings.dbname)
        .application_name(&settings.application_name)
        .channel_binding(settings.channel_binding)
        .keepalives_idle(PATIENCE)
        .keepalives_interval(PATIENCE / 4)
        .keepalives_retries(4)
        .tcp_user_timeout(PATIENCE);
    if let Some(password) = &host.password {
        config.password(password.reveal());
    }
    if let Some(options) = &settings.options {
        config.options(options);
    }
    config.ssl_mode(if settings.tls.is_some() && !host.is_socket() {
        SslMode::Require
    } else {
        SslMode::Disable
    });
    // One server is told what is wrong with it; of several, the one that can write is looked for.
    if settings.hosts.len() > 1 {
        config.target_session_attrs(TargetSessionAttrs::ReadWrite);
    }
    config
}

/// The half of a connection that reads and writes. Ends when its client is dropped, or with an error.
pub(in crate::store) struct Driver(Option<BoxStream<'static, Result<AsyncMessage, Error>>>);

impl Driver {
    /// One that has nothing to do.
    pub(in crate::store) const fn idle() -> Self {
        Self(None)
    }

    fn new<T>(mut connection: Connection<Socket, T>) -> Self
    where
        T: TlsStream + Unpin + Send + 'static,
    {
        Self(Some(
            stream::poll_fn(move |cx| connection.poll_message(cx)).boxed(),
        ))
    }

    /// Runs something that waits for this connection. Both are polled in turn in one task: no statement pays for the
    /// wake-up of another.
    pub(in crate::store) async fn drive<F: Future>(&mut self, work: F) -> F::Output {
        self.drive_within(None, work).await
    }

    /// The same. After so long the connection is closed, and the work told so.
    pub(in crate::store) async fn drive_within<F: Future>(
        &mut self,
        limit: Option<Duration>,
        work: F,
    ) -> F::Output {
        let mut work = pin!(work);
        let mut over = pin!(limit.map(tokio::time::sleep));
        poll_fn(|cx| {
            if let Poll::Ready(done) = work.as_mut().poll(cx) {
                return Poll::Ready(done);
            }
            let over = over.as_mut().as_pin_mut();
            if over.is_some_and(|over| over.poll(cx).is_ready()) {
                self.0 = None;
            }
            // When it has ended, its client knows, and so does the work.
            let _ = Pin::new(&mut *self).poll(cx);
            work.as_mut().poll(cx)
        })
        .await
    }
}

/// What the server says unasked, such as notifications.
impl Stream for Driver {
    type Item = Result<AsyncMessage, Error>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let Some(stream) = &mut self.0 else {
            return Poll::Ready(None);
        };
        let next = stream.poll_next_unpin(cx);
        if matches!(next, Poll::Ready(None | Some(Err(_)))) {
            // It must not be polled again.
            self.0 = None;
        }
        next
    }
}

impl Future for Driver {
    type Output = Result<(), Error>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        loop {
            match self.as_mut().poll_next(cx) {
                Poll::Ready(Some(Ok(_))) => {}
                Poll::Ready(Some(Err(error))) => return Poll::Ready(Err(error)),
                Poll::Ready(None) => return Poll::Ready(Ok(())),
                Poll::Pending => return Poll::Pending,
            }
        }
    }
}
