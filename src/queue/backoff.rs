//! Owns how long a job waits before it is tried again. Pure.
//! Must not know: jobs, clocks, or where randomness comes from.

use std::time::Duration;

use crate::model::{Backoff, BackoffKind};

/// The wait before the `retry`th retry, counted from 1. `random` in 0 to 1 picks the share of the jitter.
/// At least the capped growth, at most that × (1 + jitter). Never overflows.
pub fn delay(backoff: &Backoff, retry: u32, random: f64) -> Duration {
    let retry = retry.max(1);
    let grown = match backoff.kind {
        BackoffKind::Fixed => backoff.base,
        BackoffKind::Linear => backoff.base.saturating_mul(retry),
        BackoffKind::Exponential => backoff.base.saturating_mul(2_u32.saturating_pow(retry - 1)),
    };
    let capped = grown.min(backoff.cap);
    let share = unit(backoff.jitter) * unit(random);
    let extra = Duration::try_from_secs_f64(capped.as_secs_f64() * share).unwrap_or_default();
    capped.saturating_add(extra)
}

/// Into 0 to 1; what is no number is 0.
fn unit(value: f64) -> f64 {
    if value.is_nan() {
        0.0
    } else {
        value.clamp(0.0, 1.0)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn backoffs() -> impl Strategy<Value = Backoff> {
        (
            prop_oneof![
                Just(BackoffKind::Fixed),
                Just(BackoffKind::Linear),
                Just(BackoffKind::Exponential)
            ],
            0..u64::MAX,
            0..u64::MAX,
            0.0..=1.0,
        )
            .prop_map(|(kind, base, cap, jitter)| Backoff {
                kind,
                base: Duration::from_millis(base),
                cap: Duration::from_millis(cap),
                jitter,
            })
    }

    #[test]
    fn the_seed_waits_5_10_15_minutes() {
        let seed = Backoff {
            kind: BackoffKind::Linear,
            base: Duration::from_mins(5),
            cap: Duration::from_hours(1),
            jitter: 0.0,
        };
        let minutes = |retry| delay(&seed, retry, 0.9).as_secs() / 60;
        assert_eq!([1, 2, 3, 12, 13].map(minutes), [5, 10, 15, 60, 60]);
    }

    #[test]
    fn exponential_doubles_up_to_its_cap() {
        let backoff = Backoff {
            kind: BackoffKind::Exponential,
            base: Duration::from_secs(1),
            cap: Duration::from_secs(10),
            jitter: 0.5,
        };
        let seconds = |retry| delay(&backoff, retry, 0.0).as_secs();
        assert_eq!([1, 2, 3, 4, 5, u32::MAX].map(seconds), [1, 2, 4, 8, 10, 10]);
        assert_eq!(delay(&backoff, 1, 1.0), Duration::from_millis(1500));
    }

    proptest! {
        #[test]
        fn never_below_the_growth_nor_above_the_cap_with_jitter(
            backoff in backoffs(), retry: u32, random in proptest::num::f64::ANY,
        ) {
            let least = delay(&Backoff { jitter: 0.0, ..backoff }, retry, 0.0);
            let wait = delay(&backoff, retry, random);
            prop_assert!(least <= backoff.cap);
            prop_assert!(wait >= least);
            let most = backoff.cap.as_secs_f64() * (1.0 + backoff.jitter);
            prop_assert!(wait.as_secs_f64() <= most * (1.0 + f64::EPSILON * 4.0));
        }

        #[test]
        fn later_retries_never_wait_less(backoff in backoffs(), retry: u32, random in 0.0..=1.0) {
            let next = delay(&backoff, retry.saturating_add(1), random);
            prop_assert!(delay(&backoff, retry, random) <= next);
        }
    }
}
