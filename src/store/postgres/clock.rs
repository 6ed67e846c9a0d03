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

    /// Asks the server. The answer is right within half of the time that it took.
    pub(super) fn measure(&self, conn: &mut Conn) -> Result<(), StoreError> {
        if !self.own.is_machines() {
            return Ok(());
        }
        let before = micros(self.own.now());
        let Now { now } = statement("SELECT clock_timestamp() AS now").get_result(conn)?;
        let after = micros(self.own.now());
        let here = before + (after - before) / 2;
        self.ahead.store(now - here, Ordering::Relaxed);
        Ok(())
    }
}
