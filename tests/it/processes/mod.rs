//! Proofs on several real processes on one file, beside those of durability.rs.

mod killed; // a hundred workers killed while five thousand jobs run
mod leases; // a dead and a stopped worker: one accepted outcome per job
mod wakeups; // a commit of one process wakes the others
