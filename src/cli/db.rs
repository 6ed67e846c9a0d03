//! Owns `lockstep db`.
//! Must not know: how databases are copied.

use std::time::Duration;

use clap::Subcommand;
use indicatif::{ProgressBar, ProgressStyle};
use serde_json::json;

use super::{Failure, Output, Rows};
use crate::store;

#[derive(Debug, Subcommand)]
pub(super) enum DbCommand {
    /// Copy everything from a SQLite file to an empty PostgreSQL database, and verify it.
    #[command(
        after_help = "Stop servers and workers first: what they would write while it runs is refused, what they write \
                      afterwards is not copied. One transaction: whoever breaks it off has changed nothing, and may begin again.\n\
                      Example:\n  lockstep db copy users.db 'postgres://lockstep@db.example.com/lockstep?passwordfile=/run/secrets/db'"
    )]
    Copy {
        /// The SQLite file.
        from: String,
        /// The PostgreSQL database, empty or new.
        to: String,
    },
}

impl DbCommand {
    pub(super) async fn run(self, output: &mut Output) -> Result<(), Failure> {
        let Self::Copy { from, to } = self;
        // Hidden by itself where nobody looks at it.
        let bar = ProgressBar::new(0);
        if let Ok(style) =
            ProgressStyle::with_template("{msg:17} {wide_bar} {human_pos}/{human_len} rows, {eta}")
        {
            bar.set_style(style);
        }
        bar.enable_steady_tick(Duration::from_millis(200));
        let shown = bar.clone();
        let copied = store::copy(&from, &to, move |progress| {
            shown.set_length(progress.total);
            shown.set_position(progress.done);
            shown.set_message(progress.table);
        });
        let copied = copied.await;
        bar.finish_and_clear();
        let copied = copied.map_err(|error| Failure::of_store(error, "copy"))?;
        let value: Vec<_> = copied
            .iter()
            .map(|one| json!({ "table": one.table, "rows": one.rows, "digest": one.digest }))
            .collect();
        output.show(&value, |_| {
            Rows::new(&["TABLE", "ROWS", "DIGEST"]).with(&copied, |one| {
                vec![
                    one.table.to_owned(),
                    one.rows.to_string(),
                    one.digest[..16].to_owned(),
                ]
            })
        })
    }
}
