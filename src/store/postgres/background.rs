//! Owns what happens beside the commits: hints to and from other processes by LISTEN and NOTIFY, the slow look behind
//! them, and how far the server's clock is from ours.
//! Must not know: what is committed.

use std::{ops::Range, pin::pin, sync::Arc, time::Duration};

use futures::StreamExt;
use rand::Rng;
use slog::{Logger, debug, warn};
use tokio::{
    task::JoinHandle,
    time::{Instant, sleep, timeout_at},
};
use tokio_postgres::AsyncMessage;

use super::{
    Postgres,
    clock::ServerClock,
    connect::connect,
    hints::{CHANNEL, Hints},
    settings::Settings,
    wrapper::Conn,
};
use crate::store::{
    StoreError,
    readers::Readers,
    wake::{Changes, Wake, Wakeups},
};

/// Between two looks without a hint. Bounds how long a lost hint can delay a job.
const IDLE: Duration = Duration::from_secs(1);
/// The same while somebody waits for what becomes of jobs: no hint tells of those that end.
const WATCHED: Duration = Duration::from_millis(50);
/// Between two looks at the server's clock.
const CLOCK: Duration = Duration::from_secs(30);
/// Between two tries to connect, at random: not everybody at once.
const PAUSES: Range<Duration> = Duration::from_millis(200)..Duration::from_millis(600);

/// Aborts its tasks when it is dropped.
pub(super) struct Background {
    tasks: Vec<JoinHandle<()>>,
}

impl Drop for Background {
    fn drop(&mut self) {
        for task in &self.tasks {
            task.abort();
        }
    }
}

impl Background {
    pub(super) fn start(
        settings: &Arc<Settings>,
        wake: &Wake,
        hints: Arc<Hints>,
        clock: Arc<ServerClock>,
        readers: Readers<Conn>,
        log: &Logger,
    ) -> Self {
        let hinted = talk(Arc::clone(settings), wake.clone(), hints, log.clone());
        let looks = look(wake.clone());
        let reckons = reckon(clock, readers, log.clone());
        Self {
            tasks: vec![
                tokio::spawn(hinted),
                tokio::spawn(looks),
                tokio::spawn(reckons),
            ],
        }
    }
}

impl Postgres {
    pub(in crate::store) fn subscribe(&self) -> Wakeups {
        self.wake.subscribe()
    }

    pub(in crate::store) fn changes(&self) -> Changes {
        self.wake.watch()
    }

    pub(in crate::store) fn notify(&self) {
        self.wake.committed();
        self.wake.nudge();
    }
}

/// Wakes this process now and then, whether or not there was a hint.
async fn look(wake: Wake) {
    let mut idle = Instant::now() + IDLE;
    loop {
        sleep(if wake.is_watched() { WATCHED } else { IDLE }).await;
        wake.moved();
        if Instant::now() >= idle {
            wake.hint();
            idle = Instant::now() + IDLE;
        }
    }
}

async fn reckon(clock: Arc<ServerClock>, readers: Readers<Conn>, log: Logger) {
    loop {
        sleep(CLOCK).await;
        let clock = Arc::clone(&clock);
        if let Err(error) = readers.read(move |conn| clock.measure(conn)).await {
            debug!(log, "the server's clock cannot be asked"; "error" => %error);
        }
    }
}

/// One connection for hints both ways. Behind a pooler there are none: sessions are not our own.
async fn talk(settings: Arc<Settings>, wake: Wake, hints: Arc<Hints>, log: Logger) {
    if !settings.statement_cache {
        return;
    }
    let mut warned = false;
    loop {
        match session(&settings, &wake, &hints).await {
            Ok(never) => match never {},
            Err(error) if warned => debug!(log, "no hints"; "error" => %error),
            Err(error) => {
                warn!(log, "without hints from other processes this one looks every second"; "error" => %error);
                warned = true;
            }
        }
        // Not all processes at once.
        let pause = rand::rng().random_range(PAUSES);
        sleep(pause).await;
    }
}

enum Never {}

async fn session(settings: &Settings, wake: &Wake, hints: &Hints) -> Result<Never, StoreError> {
    let (client, mut driver) = connect(settings).await?;
    let lost = |error: tokio_postgres::Error| StoreError::Unavailable {
        reason: crate::store::error::LOST,
        source: Some(Box::new(error)),
    };
    // A hint is worth nothing after a crash: it must not wait for the disk.
    let set = client.batch_execute("SET synchronous_commit = off");
    driver.drive(set).await.map_err(lost)?;
    // A process without workers is not woken: others' jobs are nothing to it.
    let mut listens = false;
    let hear = |message| match message {
        Some(Ok(AsyncMessage::Notification(from))) => {
            if !hints.is_own(from.payload()) {
                wake.hint();
            }
            Ok(())
        }
        Some(Ok(_)) => Ok(()),
        Some(Err(error)) => Err(lost(error)),
        None => Err(StoreError::unavailable(crate::store::error::LOST)),
    };
    loop {
        tokio::select! {
            message = driver.next() => hear(message)?,
            () = wake.subscribed(), if !listens => {
                let listen = format!("LISTEN {CHANNEL}");
                driver.drive(client.batch_execute(&listen)).await.map_err(lost)?;
                listens = true;
                // Those that were sent before are missed.
                wake.hint();
            }
            () = wake.deserted(), if listens => {
                let unlisten = format!("UNLISTEN {CHANNEL}");
                driver.drive(client.batch_execute(&unlisten)).await.map_err(lost)?;
                listens = false;
            }
            due = hints.due() => {
                // What arrives meanwhile is heard, too.
                while let Ok(message) = timeout_at(due.into(), driver.next()).await {
                    hear(message)?;
                }
                let mut telling = pin!(client.batch_execute(hints.tell()));
                loop {
                    tokio::select! {
                        biased;
                        told = &mut telling => break told.map_err(lost)?,
                        message = driver.next() => hear(message)?,
                    }
                }
            }
        }
    }
}
