//! Owns what time it is where the database is: all processes on it go by its server's clock.
//! Must not know: who asks.

use std::sync::{
    Arc,
    atomic::{AtomicI64, Ordering},
};

use chrono::{DateTime, TimeDelta, Utc};
use diesel::{QueryableByName, RunQueryDsl};

use super::{sql::statement::statement, wrapper::Conn};
use crate::{
    clock::Clock,
    store::{StoreError, time::micros, types::Moment},
};

/// This machine's clock, put right by how far it was from the server's. A test's clock is left as it is.
pub(super) struct ServerClock {
    own: Arc<dyn Clock>,
    /// Microseconds that the server's clock is ahead.
    ahead: AtomicI64,
}

#[derive(QueryableByName)]
struct Now {
    #[diesel(sql_type = Moment)]
    now: i64,
}

impl ServerClock {
    pub(super) fn new(own: Arc<dyn Clock>) -> Self {
        Self {
            own,
            ahead: AtomicI64::new(0),
        }
    }

    pub(super) fn now(&self) -> DateTime<Utc> {
        let now = self.own.now();
        let ahead = TimeDelta::microseconds(self.ahead.load(Ordering::Relaxed));
        now.checked_add_signed(ahead).unwrap_or(now)
    }

    /// Asks the server. The answer is right within half of the time that it took: what may be right already is left, so
    /// that processes on one machine, whose clock is the same, do not drift apart by what they guess.
    pub(super) fn measure(&self, conn: &mut Conn) -> Result<(), StoreError> {
        if !self.own.is_machines() {
            return Ok(());
        }
        let before = micros(self.own.now());
        let Now { now } = statement("SELECT clock_timestamp() AS now").get_result(conn)?;
        let after = micros(self.own.now());
        let here = before + (after - before) / 2;
        self.correct(now - here, (after - before) / 2 + 1);
        Ok(())
    }

    /// `ahead` as it was measured, give or take `doubt`.
    fn correct(&self, ahead: i64, doubt: i64) {
        if (ahead - self.ahead.load(Ordering::Relaxed)).abs() > doubt {
            self.ahead.store(ahead, Ordering::Relaxed);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::SystemClock;

    #[test]
    fn only_what_is_wrong_for_certain_is_put_right() {
        let clock = ServerClock::new(Arc::new(SystemClock));
        let ahead = |clock: &ServerClock| clock.ahead.load(Ordering::Relaxed);
        clock.correct(900, 1_000);
        assert_eq!(ahead(&clock), 0);
        clock.correct(-5_000, 1_000);
        assert_eq!(ahead(&clock), -5_000);
        clock.correct(-4_500, 500);
        assert_eq!(ahead(&clock), -5_000);
        clock.correct(-4_499, 500);
        assert_eq!(ahead(&clock), -4_499);
    }
}
