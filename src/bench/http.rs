//! Owns the workloads over HTTP: our server beside a bare one, both in this process, on loopback, with the same load.
//! Must not know: Dropshot, SQL, or how figures are shown.

use std::{io::Write as _, net::SocketAddr, sync::Arc, time::Duration};

use slog::Logger;
use tokio::task::block_in_place;
use tokio_util::sync::CancellationToken;

use super::{
    BenchError, Figure, Folder, HttpLine, Plan,
    figures::Latency,
    load::{Load, Loaded},
    table,
};
use crate::{
    api::{self, ApiConfig, ApiServer, Parts, bench::BareServer},
    clock::SystemClock,
    contract,
    metrics::Metrics,
    processors,
    store::{
        Store, StoreConfig,
        bench::{Filling, GroupCommit, Plain, fill},
    },
    validation::{Mode, Validator},
};

/// What is asked, from how many connections.
const ASKED: [(Request, usize); 3] = [
    (Request::Post, 64),
    (Request::Post, 256),
    (Request::Get, 64),
];
const GET_OURS: &[u8] = b"GET /users/1 HTTP/1.1\r\nHost: localhost\r\n\r\n";
const GET_BARE: &[u8] = b"GET /hello HTTP/1.1\r\nHost: localhost\r\n\r\n";
/// How long a server may take to stop.
const STOP: Duration = Duration::from_secs(5);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Request {
    Post,
    Get,
}

/// Of each run that counts.
#[derive(Debug, Default)]
struct Times {
    ours: Vec<Loaded>,
    limit: Vec<Loaded>,
}

/// Measures all of it: ours and the limit in turns.
pub(super) async fn measure(
    plan: &Plan,
    folder: &Folder,
    log: &Logger,
    mut tell: impl FnMut(&str),
) -> Result<Vec<HttpLine>, BenchError> {
    let ours = Ours::start(folder, log).await?;
    let bare = Bare::start(folder).await?;
    let requests = usize::try_from(plan.settings.jobs).unwrap_or(usize::MAX);
    let mut lines = Vec::new();
    for (request, connections) in ASKED {
        tell(&format!(
            "measuring {} from {connections} connections",
            request.shown()
        ));
        let mut times = Times::default();
        for run in 0..plan.settings.warm_up + plan.settings.runs {
            let load = |address| Load {
                address,
                connections,
                requests: requests.max(connections),
                status: request.status(),
            };
            // Users are told apart by it.
            let series = format!("{connections}-{run}");
            let loaded = load(ours.address())
                .run(request.of(GET_OURS, &series))
                .await?;
            let bared = load(bare.address())
                .run(request.of(GET_BARE, &series))
                .await?;
            if run >= plan.settings.warm_up {
                times.ours.push(loaded);
                times.limit.push(bared);
            }
        }
        lines.push(line(
            request,
            connections,
            requests.max(connections),
            &times,
        ));
    }
    ours.stop().await;
    bare.stop().await?;
    Ok(lines)
}

impl Request {
    const fn shown(self) -> &'static str {
        match self {
            Self::Post => "POST /users",
            Self::Get => "GET /users/{id}",
        }
    }

    const fn status(self) -> u16 {
        match self {
            Self::Post => 201,
            Self::Get => 200,
        }
    }

    /// Writes one. `get` is the whole of a GET.
    fn of(
        self,
        get: &'static [u8],
        series: &str,
    ) -> impl Fn(usize, &mut Vec<u8>) + Send + Sync + 'static {
        let series = series.to_owned();
        move |number, out| {
            if self == Self::Get {
                out.extend_from_slice(get);
                return;
            }
            let body = format!(
                r#"{{"email":"ada.lovelace.{series}.{number}@example.com","age":{},"name":"Ada Lovelace"}}"#,
                20 + number % 60
            );
            // Writing to a vector cannot fail.
            let _ = write!(
                out,
                "POST /users HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n\
                 Content-Length: {}\r\n\r\n{body}",
                body.len()
            );
        }
    }
}

fn line(request: Request, connections: usize, requests: usize, times: &Times) -> HttpLine {
    let rate = |loaded: &[Loaded]| {
        let times: Vec<_> = loaded.iter().map(|loaded| loaded.time).collect();
        Figure::new(requests as u64, &times)
    };
    let (ours, limit) = (rate(&times.ours), rate(&times.limit));
    let latency = |loaded: &[Loaded]| {
        let runs: Vec<_> = loaded
            .iter()
            .map(|loaded| loaded.latencies.clone())
            .collect();
        Latency::new(&runs)
    };
    let (latencies, limit_latencies) = (latency(&times.ours), latency(&times.limit));
    HttpLine {
        request: request.shown(),
        connections,
        requests,
        of_limit: ours.over(&limit),
        p99_of_limit: latencies.p99_ms.over(&limit_latencies.p99_ms),
        ours,
        limit,
        latency: latencies,
        limit_latency: limit_latencies,
    }
}

/// Our server, without workers: what is measured is the request.
struct Ours {
    server: ApiServer,
    store: Store,
}

impl Ours {
    async fn start(folder: &Folder, log: &Logger) -> Result<Self, BenchError> {
        let path = folder.file("http-ours.db");
        let config = StoreConfig {
            policies: contract::POLICIES,
            ..StoreConfig::new(table::url(&path)?)
        };
        let store = Store::open(&config, Arc::new(SystemClock), log).await?;
        let config = ApiConfig {
            bind: ([127, 0, 0, 1], 0).into(),
            tokens: Vec::new(),
            cors_origins: Vec::new(),
            rate_limit: 0,
            body_limit: 1 << 20,
        };
        let wrong = |error: &dyn std::error::Error| BenchError::Wrong(error.to_string());
        let parts = Parts {
            store: store.clone(),
            validator: Arc::new(
                Validator::new(contract::document(), Mode::Default)
                    .map_err(|error| wrong(&error))?,
            ),
            upcasters: processors::upcasters().map_err(|error| wrong(&error))?,
            metrics: Metrics::default(),
            stopping: CancellationToken::new(),
        };
        let server = api::serve(config, parts, log).await.map_err(cannot)?;
        Ok(Self { server, store })
    }

    fn address(&self) -> SocketAddr {
        self.server.local_addr()
    }

    async fn stop(self) {
        self.server.close(STOP).await;
        self.store.close().await;
    }
}

/// A bare server, with group commit by plain prepared statements behind it.
struct Bare {
    server: BareServer,
    group: GroupCommit,
}

impl Bare {
    async fn start(folder: &Folder) -> Result<Self, BenchError> {
        let path = folder.file("http-limit.db");
        // Our tables and indexes.
        fill(path.clone(), table::job(), Filling::NONE).await?;
        let limit = block_in_place(|| Plain::open(&path, table::job()))?;
        let group = GroupCommit::start(limit)?;
        let server = BareServer::start(group.caller()).map_err(cannot)?;
        Ok(Self { server, group })
    }

    fn address(&self) -> SocketAddr {
        self.server.local_addr()
    }

    async fn stop(self) -> Result<(), BenchError> {
        self.server.close().await;
        let mut limit = block_in_place(|| self.group.stop())?;
        block_in_place(|| limit.checkpoint())?;
        Ok(())
    }
}

fn cannot(error: api::ApiStartError) -> BenchError {
    BenchError::Broke("nothing can be served", Box::new(error))
}
