//! Owns what can be switched on beside the plain store, to see what it costs: who does not use it shall not pay for it,
//! and who does shall know how much.
//! Must not know: how anything is measured.

use std::{fmt, str::FromStr, time::Duration};

use serde::{Serialize, Serializer};

use crate::{
    model::{ControlLimits, Rate},
    store::bench::Filling,
};

/// Something that is in force for the jobs of the bench, and never holds one of them back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Feature {
    /// How many run at the same time, of the queue and of the job type; and how many wait in the queue.
    Limits,
    /// How many start in a time, of the queue and of the job type.
    Rates,
}

impl Feature {
    /// Every feature.
    pub const ALL: [Self; 2] = [Self::Limits, Self::Rates];

    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Limits => "limits",
            Self::Rates => "rates",
        }
    }

    /// What an operator would order: more than the bench can reach.
    pub(super) fn limits(self) -> ControlLimits {
        match self {
            Self::Limits => ControlLimits {
                concurrency: u32::try_from(2 * Filling::MOST).ok(),
                max_depth: Some(2 * Filling::MOST),
                ..ControlLimits::default()
            },
            Self::Rates => ControlLimits {
                rate: Some(Rate {
                    limit: 1_000_000,
                    period: Duration::from_secs(1),
                }),
                ..ControlLimits::default()
            },
        }
    }
}

impl fmt::Display for Feature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Serialize for Feature {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl FromStr for Feature {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let named = Self::ALL.into_iter().find(|it| it.as_str() == text);
        named.ok_or_else(|| {
            format!(
                "nothing that can be switched on (one of {})",
                Self::ALL.map(Self::as_str).join(", ")
            )
        })
    }
}
