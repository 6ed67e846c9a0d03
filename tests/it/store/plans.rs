//! Every hot query uses the index that was made for it, and walks over nothing else.

use crate::support::database::{Database, plan};

/// Statement, and what its plan must say. `?` are given as numbers: a plan does not depend on them.
const HOT: [(&str, &str); 6] = [
    (
        "UPDATE job_queue SET attempt = attempt + 1 WHERE id IN (SELECT id FROM job_queue \
         WHERE status = 'pending' AND queue = 'default' ORDER BY rank, id LIMIT 9)",
        "INDEX job_queue_pending (queue=?)",
    ),
    (
        "SELECT id FROM job_queue WHERE status IN ('scheduled', 'retry_pending') AND scheduled_at <= 9 \
         ORDER BY scheduled_at LIMIT 9",
        "INDEX job_queue_waiting (scheduled_at<?)",
    ),
    (
        "SELECT min(scheduled_at) FROM job_queue WHERE status IN ('scheduled', 'retry_pending')",
        "INDEX job_queue_waiting",
    ),
    (
        "SELECT id FROM job_queue WHERE status = 'processing' AND lease_until <= 9 ORDER BY lease_until LIMIT 9",
        "INDEX job_queue_leases (lease_until<?)",
    ),
    (
        "UPDATE job_queue SET status = ended.value ->> 1 FROM json_each('[]') AS ended \
         WHERE job_queue.id = ended.value ->> 0",
        "SEARCH job_queue USING INTEGER PRIMARY KEY (rowid=?)",
    ),
    (
        "SELECT id FROM users WHERE job_enqueued = FALSE ORDER BY id LIMIT 9",
        "INDEX users_without_job",
    ),
];

#[tokio::test]
async fn hot_queries_use_their_index() {
    let database = Database::new().await;
    for (query, expected) in HOT {
        let plan = plan(&database.path(), query);
        assert!(plan.contains(expected), "{query}\n{plan}");
        assert!(!plan.contains("SCAN job_queue\n"), "{query}\n{plan}");
        assert!(!plan.contains("TEMP B-TREE"), "{query}\n{plan}");
    }
    database.close().await;
}
