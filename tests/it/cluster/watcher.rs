//! Owns looking at the database while others work: how far they are, and whether limits hold at every moment.
//! Must not know: who works.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use tokio::{
    sync::watch,
    task::JoinHandle,
    time::{MissedTickBehavior, interval},
};
use tokio_postgres::{Client, NoTls};

use super::load::NARROW;

/// Between two looks.
const EVERY: Duration = Duration::from_millis(25);

/// The most that was ever seen to run at the same time.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Most {
    pub(super) of_type: i64,
    pub(super) narrow: i64,
    pub(super) looks: usize,
}

pub(super) struct Watcher {
    completed: watch::Receiver<i64>,
    most: Arc<Mutex<Most>>,
    looking: JoinHandle<()>,
}

impl Watcher {
    pub(super) fn start(url: String) -> Self {
        let (seen, completed) = watch::channel(0);
        let most = Arc::new(Mutex::new(Most::default()));
        let looking = tokio::spawn(look(url, seen, Arc::clone(&most)));
        Self {
            completed,
            most,
            looking,
        }
    }

    /// Returns when so many jobs have completed.
    pub(super) async fn reaches(&self, completed: i64) {
        let mut seen = self.completed.clone();
        let reached = seen.wait_for(|seen| *seen >= completed);
        tokio::time::timeout(Duration::from_secs(90), reached)
            .await
            .unwrap_or_else(|_| panic!("{completed} jobs never completed"))
            .unwrap();
    }

    pub(super) fn most(&self) -> Most {
        *self.most.lock().unwrap()
    }
}

impl Drop for Watcher {
    fn drop(&mut self) {
        self.looking.abort();
    }
}

async fn look(url: String, seen: watch::Sender<i64>, most: Arc<Mutex<Most>>) {
    let mut ticks = interval(EVERY);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut connection = None;
    loop {
        ticks.tick().await;
        let client = match connection.take() {
            Some(client) => client,
            None => match try_connect(&url).await {
                Some(client) => client,
                None => continue,
            },
        };
        if look_once(&client, &seen, &most).await.is_ok() {
            connection = Some(client);
        }
    }
}

async fn look_once(
    client: &Client,
    seen: &watch::Sender<i64>,
    most: &Mutex<Most>,
) -> Result<(), tokio_postgres::Error> {
    let running = client
        .query_one(
            "SELECT count(*), count(*) FILTER (WHERE queue = $1) FROM job_queue WHERE status = 'processing'",
            &[&NARROW],
        )
        .await?;
    {
        let mut most = most.lock().unwrap();
        most.of_type = most.of_type.max(running.get(0));
        most.narrow = most.narrow.max(running.get(1));
        most.looks += 1;
    }
    let completed = completed(client).await?;
    seen.send_replace(completed);
    Ok(())
}

/// Jobs that have completed.
pub(super) async fn completed(client: &Client) -> Result<i64, tokio_postgres::Error> {
    let sum = "SELECT coalesce(sum(count), 0)::bigint FROM job_counts WHERE status = 'completed'";
    Ok(client.query_one(sum, &[]).await?.get(0))
}

/// A connection, if the server is there.
pub(super) async fn try_connect(url: &str) -> Option<Client> {
    let (client, connection) = tokio_postgres::connect(url, NoTls).await.ok()?;
    tokio::spawn(connection);
    Some(client)
}
