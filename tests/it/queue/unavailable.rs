//! A database that cannot be written to for a while: outcomes are kept, runs without a lease are stopped.

use std::{future::pending, sync::Arc};

use lockstep::{model::JobStatus, queue::JobContext};
use slog::{Drain, Logger, Never, OwnedKVList, Record, o};
use tokio::sync::{Notify, mpsc};

use super::{doing, done, job, runner, soon, until};
use crate::support::database::{Database, analysis};

/// Passes on what is logged.
struct Tell(mpsc::UnboundedSender<String>);

impl Drain for Tell {
    type Ok = ();
    type Err = Never;

    fn log(&self, record: &Record<'_>, _: &OwnedKVList) -> Result<(), Never> {
        // The test may have heard enough.
        let _ = self.0.send(record.msg().to_string());
        Ok(())
    }
}

#[tokio::test]
async fn an_outcome_is_kept_until_it_can_be_stored() {
    let db = Database::new().await;
    let finish = Arc::new(Notify::new());
    let wait = Arc::clone(&finish);
    let mut runner = runner(
        &db,
        doing(move |_, _| {
            let wait = Arc::clone(&wait);
            async move {
                wait.notified().await;
                done()
            }
        }),
    );
    let (tell, mut told) = mpsc::unbounded_channel();
    runner.log = Logger::root(Tell(tell), o!());
    let handle = runner.start().unwrap();
    let id = db.store.job_enqueue(analysis()).await.unwrap().job.id;
    until(&db, id, JobStatus::Processing).await;
    let lock = db.place().locked();
    finish.notify_one();
    soon(async {
        while told.recv().await.unwrap() != "cannot store outcomes; they are kept and sent again" {}
    })
    .await;
    assert_eq!(job(&db, id).await.status, JobStatus::Processing);
    drop(lock);
    assert_eq!(until(&db, id, JobStatus::Completed).await.attempt, 1);
    soon(handle.stop_now()).await;
    db.close().await;
}

#[tokio::test]
async fn a_run_whose_heartbeats_do_not_get_through_is_stopped() {
    let db = Database::new().await;
    let stopped = Arc::new(Notify::new());
    let tell = Arc::clone(&stopped);
    let runner = runner(
        &db,
        doing(move |context: JobContext, _| {
            let tell = Arc::clone(&tell);
            async move {
                context.stop.cancelled().await;
                tell.notify_one();
                pending().await
            }
        }),
    );
    let handle = runner.start().unwrap();
    let id = db.store.job_enqueue(analysis()).await.unwrap().job.id;
    until(&db, id, JobStatus::Processing).await;
    let lock = db.place().locked();
    soon(stopped.notified()).await;
    drop(lock);
    // Nobody had taken the job meanwhile: it is given back, and no worker counts as lost.
    soon(handle.stop_now()).await;
    let job = job(&db, id).await;
    assert_eq!((job.status, job.lease_losses), (JobStatus::Pending, 0));
    db.close().await;
}
