//! Owns the store's interface to jobs.
//! Must not know: how an engine does it.

use std::time::Duration;

use super::{
    Claim, Claims, Done, Expired, ItemOutcome, Once, Promoted, Rescued, Store, StoreError, ask,
};
use crate::model::{
    BulkChange, BulkChanged, DryRun, Enqueued, Job, JobAttempt, JobFilter, JobReport,
    JobTypeCounts, LeaseState, LeaseToken, NewItem, NewJob, Settled, Settlement,
};

impl Store {
    /// Stores a job: pending when it is due, scheduled otherwise; or finds the one that has its unique key.
    /// `Refused`, `DuplicateJob`, `QueueFull`.
    pub async fn job_enqueue(&self, job: NewJob) -> Result<Enqueued, StoreError> {
        ask!(self, job_enqueue(job).await)
    }

    /// The same, done once for all requests with the same key.
    pub async fn job_enqueue_once(
        &self,
        job: NewJob,
        once: Option<Once<Enqueued>>,
    ) -> Result<Done<Enqueued>, StoreError> {
        ask!(self, job_enqueue_once(job, once).await)
    }

    /// What [`Store::job_enqueue`] would do. Stores nothing.
    pub async fn job_dry_run(&self, job: NewJob) -> Result<DryRun, StoreError> {
        ask!(self, job_dry_run(job).await)
    }

    /// Stores each item for itself, in one commit: what refuses one does not touch the others. `ItemRefused` for a cycle.
    pub async fn job_enqueue_each(
        &self,
        items: Vec<NewItem>,
        once: Option<Once<Vec<ItemOutcome>>>,
    ) -> Result<Done<Vec<ItemOutcome>>, StoreError> {
        ask!(self, job_enqueue_each(items, once).await)
    }

    /// Stores all items or none. `ItemRefused`.
    pub async fn job_enqueue_all(
        &self,
        items: Vec<NewItem>,
        once: Option<Once<Vec<ItemOutcome>>>,
    ) -> Result<Done<Vec<ItemOutcome>>, StoreError> {
        ask!(self, job_enqueue_all(items, once).await)
    }

    pub async fn job_get(&self, id: i64) -> Result<Option<Job>, StoreError> {
        ask!(self, job_get(id).await)
    }

    /// Newest first, with ids below `before_id`. A filter on few jobs among many walks over the many.
    pub async fn job_list(
        &self,
        filter: JobFilter,
        before_id: Option<i64>,
        limit: usize,
    ) -> Result<Vec<Job>, StoreError> {
        ask!(self, job_list(filter, before_id, limit).await)
    }

    /// The newest `limit` runs, oldest first, the running one included. `NotFound`.
    pub async fn job_attempts(&self, id: i64, limit: usize) -> Result<Vec<JobAttempt>, StoreError> {
        ask!(self, job_attempts(id, limit).await)
    }

    /// Waiting → cancelled; running → asked to stop. `NotFound`, `JobEnded`.
    pub async fn job_cancel(&self, id: i64) -> Result<Job, StoreError> {
        ask!(self, job_cancel(id).await)
    }

    /// Failed or cancelled → pending at once, with its retries restored. `NotFound`, `JobNotRetryable`.
    pub async fn job_retry(&self, id: i64) -> Result<Job, StoreError> {
        ask!(self, job_retry(id).await)
    }

    /// Deletes a job and its history. `NotFound`, `JobProcessing`.
    pub async fn job_delete(&self, id: i64) -> Result<(), StoreError> {
        ask!(self, job_delete(id).await)
    }

    /// Retries, cancels or deletes the first jobs that match, each as by itself; what has changed before it was its turn is
    /// skipped. An error in the middle leaves what was done before it.
    pub async fn job_bulk(&self, change: BulkChange) -> Result<BulkChanged, StoreError> {
        ask!(self, job_bulk(change).await)
    }

    /// Jobs by type and state, from counters that are kept with each transition: the same cost at any length.
    pub async fn job_counts(&self) -> Result<Vec<JobTypeCounts>, StoreError> {
        ask!(self, job_counts().await)
    }

    /// Counters that differ from a count over all jobs: (kept, counted). Empty unless somebody changed jobs by hand. Reads all jobs.
    pub async fn job_counts_check(
        &self,
    ) -> Result<Vec<(JobTypeCounts, JobTypeCounts)>, StoreError> {
        ask!(self, job_counts_check().await)
    }

    /// Gives leases on due jobs, in their order. No job has two live leases.
    pub async fn job_claim(&self, claim: Claim<'_>) -> Result<Claims, StoreError> {
        ask!(self, job_claim(claim).await)
    }

    /// The same, for a worker that has nothing else to do: waits while there is nothing to take. It is asked again when this
    /// process commits what may be for it, at a hint from another process, and within a second of a commit without a hint. The
    /// commit that brings a job may give the lease on it, too.
    ///
    /// Dropped, it takes nothing more, but for what a commit under way gives it: those leases run out. Better to end it by
    /// [`Store::job_let_go`].
    pub async fn job_claim_next(&self, claim: Claim<'_>) -> Result<Claims, StoreError> {
        ask!(self, job_claim_next(claim).await)
    }

    /// Asks again for every [`Store::job_claim_next`] of this process.
    pub async fn job_look_again(&self) -> Result<(), StoreError> {
        ask!(self, job_look_again().await)
    }

    /// Ends the wait of every [`Store::job_claim_next`] of this process: each is answered what it gets now, or nothing.
    pub async fn job_let_go(&self) -> Result<(), StoreError> {
        ask!(self, job_let_go().await)
    }

    /// Extends leases; answers in the same order.
    pub async fn job_heartbeat(
        &self,
        leases: Vec<(i64, LeaseToken)>,
        lease: Duration,
    ) -> Result<Vec<LeaseState>, StoreError> {
        ask!(self, job_heartbeat(leases, lease).await)
    }

    /// Stores what a run says of itself. A token that is not the job's any more changes nothing.
    pub async fn job_report(
        &self,
        id: i64,
        token: LeaseToken,
        report: JobReport,
    ) -> Result<LeaseState, StoreError> {
        ask!(self, job_report(id, token, report).await)
    }

    /// Ends runs; answers in the same order. A token that is not the job's any more changes nothing. A job that was asked to stop does not go back to wait: it is cancelled.
    pub async fn job_settle(
        &self,
        settlements: Vec<(i64, LeaseToken, Settlement)>,
    ) -> Result<Vec<Settled>, StoreError> {
        ask!(self, job_settle(settlements).await)
    }

    /// Makes waiting jobs pending that are due.
    pub async fn job_promote(&self, limit: usize) -> Result<Promoted, StoreError> {
        ask!(self, job_promote(limit).await)
    }

    /// Deletes answers, locks, buckets and workers that count for nothing any more. Answers how many rows; `limit` is for each kind.
    pub async fn purge(&self, limit: usize) -> Result<usize, StoreError> {
        ask!(self, purge(limit).await)
    }

    /// Deletes ended jobs, with their history, that are older than their type keeps them: looks at `limit` jobs from `after`
    /// on, which is what the pass before answered as `next`. Types that are not declared are kept.
    pub async fn job_expire(
        &self,
        after: Option<i64>,
        limit: usize,
    ) -> Result<Expired, StoreError> {
        ask!(self, job_expire(after, limit).await)
    }

    /// Deletes at most `limit` of the oldest events: those beyond the newest `keep`, and those older than `age`. Answers
    /// how many.
    pub async fn event_trim(
        &self,
        keep: u32,
        age: Duration,
        limit: usize,
    ) -> Result<usize, StoreError> {
        ask!(self, event_trim(keep, age, limit).await)
    }

    /// Lets jobs through at limits by key that may have been raised. `after` is what the pass before answered, `None` at
    /// first; the answer is `None` when all were looked at.
    pub async fn job_release_held(
        &self,
        after: Option<String>,
    ) -> Result<Option<String>, StoreError> {
        ask!(self, job_release_held(after).await)
    }

    /// Takes back leases that ran out.
    pub async fn job_rescue(&self, limit: usize) -> Result<Rescued, StoreError> {
        ask!(self, job_rescue(limit).await)
    }
}
