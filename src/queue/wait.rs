//! Owns how long to wait before the store is asked again after it could not answer.
//! Must not know: what is asked.

use std::time::Duration;

const FIRST: Duration = Duration::from_millis(50);
const LONGEST: Duration = Duration::from_secs(2);

/// Doubles from 50 ms to 2 s: what waited for the store goes on soon after it is back.
#[derive(Debug, Default)]
pub(super) struct Wait {
    failures: u32,
}

impl Wait {
    /// The wait after one more failure.
    pub(super) fn next(&mut self) -> Duration {
        let factor = 2_u32.saturating_pow(self.failures);
        self.failures = self.failures.saturating_add(1);
        FIRST.saturating_mul(factor).min(LONGEST)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn doubles_up_to_two_seconds() {
        let mut wait = Wait::default();
        let waits: Vec<_> = (0..9).map(|_| wait.next().as_millis()).collect();
        assert_eq!(waits, [50, 100, 200, 400, 800, 1600, 2000, 2000, 2000]);
        let mut tired = Wait { failures: u32::MAX };
        assert_eq!(tired.next(), LONGEST);
    }
}
