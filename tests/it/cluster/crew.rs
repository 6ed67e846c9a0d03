//! Owns the servers and workers of a test: started, killed at random, started again at once.
//! Must not know: what they do.

use std::sync::{Arc, Mutex};

use rand::{Rng, rngs::StdRng};

use super::load::Addresses;
use crate::support::process::{Home, Process};

/// Jobs that a worker has at once.
const SLOTS: &str = "50";

pub(super) struct Crew {
    home: Home,
    servers: Vec<Process>,
    workers: Vec<Process>,
    addresses: Addresses,
}

impl Crew {
    pub(super) async fn start(home: Home, servers: usize, workers: usize) -> Self {
        let mut crew = Self {
            home,
            servers: Vec::new(),
            workers: Vec::new(),
            addresses: Arc::new(Mutex::new(Vec::new())),
        };
        for _ in 0..servers {
            let server = crew.server().await;
            crew.servers.push(server);
        }
        for _ in 0..workers {
            let worker = crew.worker().await;
            crew.workers.push(worker);
        }
        crew.publish();
        crew
    }

    pub(super) fn addresses(&self) -> Addresses {
        Arc::clone(&self.addresses)
    }

    /// SIGKILL for one of all, and another one in its place.
    pub(super) async fn kill_one(&mut self, random: &mut StdRng) {
        let victim = random.random_range(0..self.servers.len() + self.workers.len());
        if let Some(worker) = victim.checked_sub(self.servers.len()) {
            self.workers.swap_remove(worker).kill();
            let worker = self.worker().await;
            self.workers.push(worker);
        } else {
            self.servers.swap_remove(victim).kill();
            self.publish();
            let server = self.server().await;
            self.servers.push(server);
            self.publish();
        }
    }

    async fn server(&self) -> Process {
        let arguments = ["serve", "--port", "0", "--no-workers"];
        self.home.start(&arguments, &[]).await
    }

    async fn worker(&self) -> Process {
        let queues = format!("default,{}", super::load::NARROW);
        let variables = [("WORKER_COUNT", SLOTS), ("QUEUES", queues.as_str())];
        self.home.start(&["worker"], &variables).await
    }

    fn publish(&self) {
        let addresses = self.servers.iter().map(|server| server.url("")).collect();
        *self.addresses.lock().unwrap() = addresses;
    }
}
