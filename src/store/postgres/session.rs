//! Owns what a session is set to.
//! Must not know: tables, or who runs this.

use std::{fmt::Write as _, time::Duration};

use super::settings::Settings;

/// For the way there and back, and a server that is slow to break off.
const MARGIN: Duration = Duration::from_secs(5);

impl Settings {
    /// What a session of our own is set to, once.
    pub(super) fn session_sql(&self) -> String {
        let mut sql = String::from(
            "SET client_encoding = 'UTF8'; SET TimeZone = 'UTC'; SET standard_conforming_strings = on; \
             SET default_transaction_isolation = 'read committed'; ",
        );
        for (name, value) in self.timeouts() {
            // Whoever writes -c statement_timeout=… into `options` means it.
            if !self
                .options
                .as_ref()
                .is_some_and(|options| options.contains(name))
            {
                let _ = write!(sql, "SET {name} = {value}; ");
            }
        }
        sql + &durable(false)
    }

    /// What a session that writes is set to besides. Its statements have one plan each, whatever their values (plans.rs): by
    /// itself the server plans a claim anew each time where many jobs are due, because for any limit it expects a tenth of
    /// them.
    pub(super) fn writing_sql(&self) -> &'static str {
        match &self.options {
            Some(options) if options.contains("plan_cache_mode") => "",
            _ => "SET plan_cache_mode = force_generic_plan;",
        }
    }

    /// What every transaction has to be set to, if a pooler may give each another session: `SET` would stay behind in
    /// a session that somebody else gets next. None: `session_sql` is enough.
    pub(super) fn transaction_sql(&self) -> Option<String> {
        if self.statement_cache {
            return None;
        }
        // The isolation level comes first: it cannot be set once there was a query.
        let mut sql = String::from(
            "SET TRANSACTION ISOLATION LEVEL READ COMMITTED; SET LOCAL TimeZone = 'UTC'; \
             SET LOCAL standard_conforming_strings = on; ",
        );
        for (name, value) in self.timeouts() {
            let _ = write!(sql, "SET LOCAL {name} = {value}; ");
        }
        Some(sql + &durable(true))
    }

    /// How long an answer is waited for: longer than the server may take for it. `None`: it may take as long as it likes.
    pub(super) fn statement_limit(&self) -> Option<Duration> {
        let options = self.options.as_deref().unwrap_or_default();
        if self.statement_timeout == 0 || options.contains("statement_timeout") {
            return None;
        }
        Some(Duration::from_millis(self.statement_timeout.into()) + MARGIN)
    }

    /// In ms. A client that is cut off in a transaction keeps its locks for as long as that is left open: less than others
    /// wait for them.
    fn timeouts(&self) -> [(&'static str, u32); 3] {
        [
            ("idle_in_transaction_session_timeout", 4_000),
            ("statement_timeout", self.statement_timeout),
            ("lock_timeout", self.lock_timeout),
        ]
    }
}

/// At least `on`: who answers 200 has the row on disk. `remote_apply` promises more, and stays.
fn durable(local: bool) -> String {
    format!(
        "SELECT set_config('synchronous_commit', 'on', {local}) \
         WHERE current_setting('synchronous_commit') NOT IN ('on', 'remote_apply')"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_session_is_set_once_unless_a_pooler_hands_it_round() {
        let settings = Settings::parse("postgres://me@localhost/d?statement_timeout=7").unwrap();
        let sql = settings.session_sql();
        assert!(sql.contains("SET statement_timeout = 7;"), "{sql}");
        assert!(settings.transaction_sql().is_none());
        let settings = Settings::parse("postgres://me@localhost/d?statement_cache=off").unwrap();
        let sql = settings.transaction_sql().unwrap();
        let plain = sql
            .replace("SET LOCAL ", "")
            .replace("SET TRANSACTION ", "");
        assert!(!plain.contains("SET "), "{sql}");
    }

    #[test]
    fn what_options_name_is_left_to_them() {
        let url = "postgres://me@localhost/d?options=-c%20lock_timeout%3D1";
        let sql = Settings::parse(url).unwrap().session_sql();
        assert!(!sql.contains("lock_timeout") && sql.contains("statement_timeout"));
        let planning = |url| Settings::parse(url).unwrap().writing_sql();
        assert!(planning(url).contains("force_generic_plan"));
        let url = "postgres://me@localhost/d?options=-c%20plan_cache_mode%3Dauto";
        assert_eq!(planning(url), "");
    }
}
