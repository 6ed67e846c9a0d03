//! Owns a network between a program and PostgreSQL that can be cut: nothing is closed, nothing gets through, and what
//! was under way arrives when it is whole again.
//! Must not know: who talks, or about what, but for the words that it is told to look for.

use std::{future::pending, sync::Arc};

use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, split},
    net::{TcpListener, TcpStream},
    sync::watch,
    task::{JoinHandle, JoinSet},
};

/// When the network is cut by itself: on one connection, at the first message with some words behind others.
#[derive(Clone, Copy)]
pub(crate) struct Trap {
    pub(crate) after: &'static str,
    pub(crate) at: &'static str,
    /// Whether the server hears the message. Its answer does not come back then.
    pub(crate) heard: bool,
}

#[derive(Clone, Copy, Default)]
struct State {
    cut: bool,
    trap: Option<Trap>,
    /// Connections of an older age are closed.
    age: u32,
    /// The server does not hear that they are.
    forgotten: bool,
}

pub(crate) struct Proxy {
    port: u16,
    state: Arc<watch::Sender<State>>,
    accepting: JoinHandle<()>,
}

impl Proxy {
    /// Before the server of a URL.
    pub(crate) async fn new(url: &str) -> Self {
        let server = authority(url).to_owned();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let state = Arc::new(watch::Sender::new(State::default()));
        let shared = Arc::clone(&state);
        let accepting = tokio::spawn(async move {
            let mut wires = JoinSet::new();
            while let Ok((client, _)) = listener.accept().await {
                let wire = wire(client, server.clone(), Arc::clone(&shared));
                wires.spawn(wire);
            }
        });
        Self {
            port,
            state,
            accepting,
        }
    }

    /// The URL by which the server is reached through here.
    pub(crate) fn url(&self, direct: &str) -> String {
        direct.replace(authority(direct), &format!("127.0.0.1:{}", self.port))
    }

    pub(crate) fn cut(&self) {
        self.state.send_modify(|state| state.cut = true);
    }

    pub(crate) fn set(&self, trap: Trap) {
        self.state.send_modify(|state| state.trap = Some(trap));
    }

    /// Returns when a trap has cut the network.
    pub(crate) async fn sprung(&self) {
        let mut state = self.state.subscribe();
        let _ = state.wait_for(|state| state.cut).await;
    }

    pub(crate) fn restore(&self) {
        self.state.send_modify(|state| state.cut = false);
    }

    /// As after a restart of what is in between: the connections that there were are gone.
    pub(crate) fn restore_anew(&self) {
        self.state.send_modify(|state| {
            state.cut = false;
            state.age += 1;
        });
    }

    /// The same, but the server does not hear of it.
    pub(crate) fn forget(&self) {
        self.state.send_modify(|state| state.forgotten = true);
        self.restore_anew();
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

/// `host:port` of a URL.
fn authority(url: &str) -> &str {
    let (_, rest) = url.rsplit_once('@').unwrap();
    rest.split_once('/').unwrap().0
}

async fn wire(client: TcpStream, server: String, state: Arc<watch::Sender<State>>) {
    let mut changes = state.subscribe();
    let Ok(age) = changes.wait_for(|state| !state.cut).await.map(|it| it.age) else {
        return;
    };
    let Ok(server) = TcpStream::connect(server).await else {
        return;
    };
    let server = server.into_std().unwrap();
    let held = server.try_clone().unwrap();
    let server = TcpStream::from_std(server).unwrap();
    let _ = (client.set_nodelay(true), server.set_nodelay(true));
    let (from_client, to_client) = client.into_split();
    // These halves do not say goodbye by themselves when they are dropped.
    let (from_server, to_server) = split(server);
    let there = pump(from_client, to_server, Arc::clone(&state), true);
    let back = pump(from_server, to_client, state, false);
    tokio::select! {
        _ = async { tokio::join!(there, back) } => {}
        _ = changes.wait_for(|state| state.age != age) => {}
    }
    if changes.borrow().forgotten {
        // Until the proxy is gone.
        pending::<()>().await;
    }
    drop(held);
}

/// Carries on what one side says. Its end is carried on, too, but not through a cut.
async fn pump(
    mut from: impl AsyncRead + Unpin,
    mut to: impl AsyncWrite + Unpin,
    state: Arc<watch::Sender<State>>,
    asks: bool,
) {
    let mut changes = state.subscribe();
    let mut bytes = vec![0; 1 << 16];
    let mut watched = false;
    loop {
        let read = from.read(&mut bytes).await.unwrap_or(0);
        let said = &bytes[..read];
        let trap = changes.borrow().trap.filter(|_| asks);
        watched |= trap.is_some_and(|trap| has(said, trap.after));
        let mut carried = false;
        if let Some(trap) = trap.filter(|trap| watched && has(said, trap.at)) {
            state.send_modify(|state| {
                state.cut = true;
                state.trap = None;
            });
            if trap.heard {
                carried = to.write_all(said).await.is_ok();
            }
        }
        if changes.wait_for(|state| !state.cut).await.is_err() {
            return;
        }
        if read == 0 {
            let _ = to.shutdown().await;
            return;
        }
        if !carried && to.write_all(said).await.is_err() {
            return;
        }
    }
}

fn has(said: &[u8], words: &str) -> bool {
    said.windows(words.len())
        .any(|part| part == words.as_bytes())
}
