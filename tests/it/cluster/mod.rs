//! Proofs on several processes and one PostgreSQL: always on PostgreSQL, whatever the other tests run on.

mod chores; // what only one of several workers is to do
mod crew; // servers and workers that are killed and started again
mod cut; // a network cut between a worker and the database
mod killed; // everybody is killed at random, the database is restarted
mod load; // what the clients ask for
pub(crate) mod own_cluster; // a PostgreSQL of its own, to be broken
pub(crate) mod proxy; // a network that can be cut
mod verdict; // what must hold in the end
mod watcher; // what must hold meanwhile
