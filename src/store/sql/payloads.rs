//! Owns reading the payloads of jobs that may run yet, page by page in the order of their numbers.
//! Must not know: what they are checked against.

use diesel::{
    QueryableByName, RunQueryDsl,
    connection::DefaultLoadingMode,
    sql_types::{BigInt, Nullable, Text},
};

use super::{Document, Engine, Many, jobs::status, not_among, statement::statement};
use crate::{
    model::JobStatus,
    store::{Payloads, StoreError, StoredPayload},
};

/// Payloads of one page, in bytes: a few large ones fill a page as well as many small ones.
const MOST_BYTES: usize = 8 << 20;

/// Walks the table itself: a page costs the same however many jobs have ended. For the test that asks for its plan.
pub(in crate::store) const PAGE: &str = concat!(
    "SELECT id, job_type, status, schema_fingerprint, CASE WHEN status NOT IN ('completed', 'cancelled') \
     AND job_type || ':' || schema_fingerprint ",
    not_among!(),
    " THEN payload END AS payload FROM job_queue WHERE id > ? ORDER BY id LIMIT ?"
);

#[derive(QueryableByName)]
struct Row {
    #[diesel(sql_type = BigInt)]
    id: i64,
    #[diesel(sql_type = Text)]
    job_type: String,
    #[diesel(sql_type = Text)]
    status: String,
    #[diesel(sql_type = Text)]
    schema_fingerprint: String,
    #[diesel(sql_type = Nullable<Document>)]
    payload: Option<String>,
}

impl Engine {
    pub(in crate::store) async fn job_payloads(
        &self,
        after: i64,
        limit: usize,
        known: Vec<(String, String)>,
    ) -> Result<Payloads, StoreError> {
        let known: Vec<String> = known
            .into_iter()
            .map(|(job_type, fingerprint)| format!("{job_type}:{fingerprint}"))
            .collect();
        self.read(move |conn| {
            let page = statement(PAGE)
                .many(Many::texts(&known)?)
                .int(after)
                .int(i64::try_from(limit).unwrap_or(i64::MAX));
            let mut found = Payloads::default();
            let (mut walked, mut bytes, mut last) = (0, 0, after);
            for row in page.load_iter::<Row, DefaultLoadingMode>(conn)? {
                let row = row?;
                (walked, last) = (walked + 1, row.id);
                let status = status(&row.status)?;
                if matches!(status, JobStatus::Completed | JobStatus::Cancelled) {
                    continue;
                }
                found.examined += 1;
                bytes += row.payload.as_ref().map_or(0, String::len);
                if let Some(payload) = row.payload {
                    found.jobs.push(StoredPayload {
                        id: row.id,
                        job_type: row.job_type,
                        status,
                        schema_fingerprint: row.schema_fingerprint,
                        payload,
                    });
                }
                if bytes >= MOST_BYTES {
                    break;
                }
            }
            found.next = (walked >= limit || bytes >= MOST_BYTES).then_some(last);
            Ok(found)
        })
        .await
    }
}
