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

    /// Asks the server. Its clock showed the answer at some moment between question and answer: how far it is ahead is only
    /// put right as far as that proves it wrong, so that processes of one machine agree however long their answers took.
    pub(super) fn measure(&self, conn: &mut Conn) -> Result<(), StoreError> {
        if !self.own.is_machines() {
            return Ok(());
        }
        let before = micros(self.own.now());
        let Now { now } = statement("SELECT clock_timestamp() AS now").get_result(conn)?;
        let after = micros(self.own.now());
        self.ahead.store(
            within(
                self.ahead.load(Ordering::Relaxed),
                now - after,
                now - before,
            ),
            Ordering::Relaxed,
        );
        Ok(())
    }
}

/// The value nearest to `known` from `least` on, up to `most`. A clock that was set back meanwhile may have turned them round.
fn within(known: i64, least: i64, most: i64) -> i64 {
    if least > most {
        return known;
    }
    known.clamp(least, most)
}

#[cfg(test)]
mod tests {
    use super::within;

    #[test]
    fn what_an_answer_does_not_prove_wrong_stays() {
        assert_eq!(within(0, -20_000, 300), 0);
        assert_eq!(within(0, 5_000, 25_000), 5_000);
        assert_eq!(within(9_000, -20_000, 300), 300);
        assert_eq!(within(7, 20, 10), 7);
    }
}
