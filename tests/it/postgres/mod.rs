//! What is PostgreSQL's own. Always on PostgreSQL, whatever the other tests run on.

mod conventions; // the same schema on both engines
mod faults; // connections killed, servers restarted, transactions refused
mod pooler; // PgBouncer in transaction mode
mod refusals; // databases that cannot be used: a sentence with the fix each
mod unanswered; // commits whose answer is lost
mod waits; // locks, limits and read-only servers: 503, soon, and well again by itself
mod within; // jobs that somebody else enqueues in a transaction of its own
