//! Owns the load generator: keep-alive connections that each send one request after the other, on a thread of their own.
//! Must not know: who answers.
//!
//! It speaks as little HTTP as it must, so that what it takes of the machine is nearly nothing, and is the same for all.

use std::{
    net::SocketAddr,
    str::FromStr,
    sync::{
        Arc, LazyLock,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use memchr::memmem::Finder;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    runtime::Builder,
    sync::{Barrier, oneshot},
    task::JoinSet,
};

use super::BenchError;

/// How much, to whom.
#[derive(Debug, Clone, Copy)]
pub(super) struct Load {
    pub(super) address: SocketAddr,
    pub(super) connections: usize,
    pub(super) requests: usize,
    /// The status of every answer; another one ends the bench.
    pub(super) status: u16,
}

/// How long it took.
#[derive(Debug, Clone)]
pub(super) struct Loaded {
    pub(super) time: Duration,
    /// Of each request, shortest first.
    pub(super) latencies: Vec<Duration>,
}

impl Load {
    /// Sends what `request` writes for each number below the count of requests. The clock starts once all connections are
    /// open.
    pub(super) async fn run<R>(self, request: R) -> Result<Loaded, BenchError>
    where
        R: Fn(usize, &mut Vec<u8>) + Send + Sync + 'static,
    {
        let (done, outcome) = oneshot::channel();
        let broken = |error: std::io::Error| BenchError::Wrong(format!("the load: {error}"));
        let runtime = Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(broken)?;
        thread::Builder::new()
            .name("load".to_owned())
            .spawn(move || {
                let loaded = runtime.block_on(self.send(Arc::new(request)));
                // Nobody waits any more when the bench was interrupted.
                let _ = done.send(loaded);
            })
            .map_err(broken)?;
        outcome
            .await
            .unwrap_or_else(|_| Err(BenchError::Wrong("the load generator broke".to_owned())))
    }

    async fn send<R>(self, request: Arc<R>) -> Result<Loaded, BenchError>
    where
        R: Fn(usize, &mut Vec<u8>) + Send + Sync + 'static,
    {
        let taken = Arc::new(AtomicUsize::new(0));
        let open = Arc::new(Barrier::new(self.connections + 1));
        let mut running = JoinSet::new();
        for _ in 0..self.connections {
            let (taken, open, request) = (taken.clone(), open.clone(), request.clone());
            let connection = Connection::open(self.address).await?;
            running.spawn(async move {
                open.wait().await;
                connection.send_all(self, &taken, request.as_ref()).await
            });
        }
        open.wait().await;
        let began = Instant::now();
        let mut latencies = Vec::with_capacity(self.requests);
        while let Some(ended) = running.join_next().await {
            latencies.extend(ended.map_err(|error| BenchError::Wrong(error.to_string()))??);
        }
        let time = began.elapsed();
        latencies.sort_unstable();
        Ok(Loaded { time, latencies })
    }
}

/// What ends a head, and how hyper, which both servers stand on, writes the length of a body: a longer head costs nothing
/// that is worth a word.
static END: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new("\r\n\r\n"));
static LENGTH: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new("\r\ncontent-length: "));

struct Connection {
    stream: TcpStream,
    received: Vec<u8>,
}

impl Connection {
    async fn open(address: SocketAddr) -> Result<Self, BenchError> {
        let stream = TcpStream::connect(address).await.map_err(lost)?;
        stream.set_nodelay(true).map_err(lost)?;
        Ok(Self {
            stream,
            received: Vec::with_capacity(4_096),
        })
    }

    async fn send_all(
        mut self,
        load: Load,
        taken: &AtomicUsize,
        request: &(impl Fn(usize, &mut Vec<u8>) + Send + Sync),
    ) -> Result<Vec<Duration>, BenchError> {
        let mut latencies = Vec::with_capacity(load.requests / load.connections + 1);
        let mut sent = Vec::with_capacity(1_024);
        loop {
            let number = taken.fetch_add(1, Ordering::Relaxed);
            if number >= load.requests {
                return Ok(latencies);
            }
            sent.clear();
            request(number, &mut sent);
            let began = Instant::now();
            self.stream.write_all(&sent).await.map_err(lost)?;
            let status = self.answer().await?;
            latencies.push(began.elapsed());
            if status != load.status {
                return Err(BenchError::Wrong(format!(
                    "an answer was {status}: {}",
                    String::from_utf8_lossy(&self.received)
                )));
            }
        }
    }

    /// Reads one answer, and forgets the one before.
    async fn answer(&mut self) -> Result<u16, BenchError> {
        self.received.clear();
        let mut whole = None;
        loop {
            let read = self.stream.read_buf(&mut self.received).await;
            if read.map_err(lost)? == 0 {
                return Err(BenchError::Wrong("the server hung up".to_owned()));
            }
            if whole.is_none() {
                whole = head(&self.received)?;
            }
            if let Some((status, length)) = whole
                && self.received.len() >= length
            {
                return Ok(status);
            }
        }
    }
}

fn lost(error: std::io::Error) -> BenchError {
    BenchError::Broke("a connection to the server failed", Box::new(error))
}

/// The status of an answer, and how long it is with its body; `None`: its head is not all there.
fn head(received: &[u8]) -> Result<Option<(u16, usize)>, BenchError> {
    let Some(end) = END.find(received) else {
        return Ok(None);
    };
    let head = &received[..end];
    let status = head.get(9..12).and_then(number);
    let length = LENGTH.find(head).and_then(|at| {
        let after = &head[at + LENGTH.needle().len()..];
        after
            .split(|byte| *byte == b'\r')
            .next()
            .and_then(number::<usize>)
    });
    match (status, length) {
        (Some(status), Some(length)) => Ok(Some((status, end + END.needle().len() + length))),
        _ => Err(BenchError::Wrong(
            "an answer is not HTTP as the load generator knows it".to_owned(),
        )),
    }
}

fn number<N: FromStr>(digits: &[u8]) -> Option<N> {
    std::str::from_utf8(digits).ok()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_as_long_as_it_says() {
        let answer = b"HTTP/1.1 201 Created\r\nx: y\r\ncontent-length: 5\r\n\r\nhello";
        assert_eq!(head(answer).unwrap(), Some((201, answer.len())));
        assert_eq!(head(&answer[..30]).unwrap(), None);
        for odd in [
            &b"HTTP/1.1 200 OK\r\n\r\n"[..],
            b"HTTP/1.1 200 OK\r\ncontent-length: \r\n\r\n",
            b"HTTP/1.1 2xx OK\r\ncontent-length: 5\r\n\r\n",
            b"SSH\r\n\r\n",
        ] {
            assert!(head(odd).is_err());
        }
    }
}
