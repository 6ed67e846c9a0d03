//! Proofs on several processes and one PostgreSQL: always on PostgreSQL, whatever the other tests run on.

mod cut; // a network cut between a worker and the database
mod proxy; // a network that can be cut
