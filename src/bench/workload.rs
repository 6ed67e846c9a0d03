//! Owns the names of what is measured.
//! Must not know: how it is measured.

use std::{fmt, str::FromStr};

use serde::{Serialize, Serializer};

/// A thing to do to the store.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Workload {
    /// Store one job per call, from many tasks.
    Enqueue,
    /// Give leases, batch by batch.
    Claim,
    /// Complete what was claimed, batch by batch.
    Settle,
    /// Claim a batch, complete it, claim the next: what a worker of no-op jobs asks of the store.
    Cycle,
    /// Store many jobs per call.
    Bulk,
    /// Run no-op jobs in a process with workers.
    Drain,
    /// Enqueue one job while the workers are idle, and wait for its run.
    Pickup,
    /// Requests from many connections.
    Http,
    /// What a process keeps, and what it uses while it is idle.
    Memory,
}

impl Workload {
    /// Every workload.
    pub const ALL: [Self; 9] = [
        Self::Enqueue,
        Self::Bulk,
        Self::Claim,
        Self::Settle,
        Self::Cycle,
        Self::Drain,
        Self::Pickup,
        Self::Http,
        Self::Memory,
    ];

    /// Whether it is measured on tables of several sizes.
    pub(super) const fn is_of_tables(self) -> bool {
        !matches!(self, Self::Pickup | Self::Http | Self::Memory)
    }

    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Enqueue => "enqueue",
            Self::Claim => "claim",
            Self::Settle => "settle",
            Self::Cycle => "cycle",
            Self::Bulk => "bulk",
            Self::Drain => "drain",
            Self::Pickup => "pickup",
            Self::Http => "http",
            Self::Memory => "memory",
        }
    }
}

impl fmt::Display for Workload {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Serialize for Workload {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl FromStr for Workload {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::ALL
            .into_iter()
            .find(|workload| workload.as_str() == text)
            .ok_or_else(|| {
                format!(
                    "no workload (one of {})",
                    Self::ALL.map(Self::as_str).join(", ")
                )
            })
    }
}
