//! The four job types and the reconciler, end to end: real database, real SMTP server, real files.

mod data; // statistics and exports
mod notification; // one message per recipient
mod sign_up; // welcome, profile, and the job that every user is owed

use std::{fs, sync::Arc, time::Duration};

use lockstep::{
    mail::{MailConfig, Mailer},
    metrics::Metrics,
    model::{Job, JobStatus, NewUser},
    processors::{self, ExportConfig, user_created::job_for},
    queue::{self, EnqueueOptions, Runner, RunnerConfig},
};
use serde_json::Value;
use slog::{Discard, Logger, o};

use crate::support::{
    database::{Database, policy},
    smtp::{Reply, SmtpServer},
};

/// A server that can do every job type.
struct World {
    db: Database,
    runner: Runner,
    smtp: SmtpServer,
    folder: tempfile::TempDir,
}

impl World {
    async fn new() -> Self {
        Self::with_mail(|_, _| Reply::Accept).await
    }

    async fn with_mail(script: impl Fn(&str, &str) -> Reply + Send + Sync + 'static) -> Self {
        let (db, smtp) = (Database::new().await, SmtpServer::with_script(script).await);
        let folder = tempfile::tempdir().unwrap();
        let log = Logger::root(Discard, o!());
        let mail = MailConfig {
            smtp_url: Some(smtp.url().parse().unwrap()),
            from: "Lockstep <no-reply@example.com>".to_owned(),
            outbox: folder.path().join("outbox"),
            timeout: Duration::from_secs(5),
        };
        let mailer = Mailer::new(&mail, &log).unwrap();
        let export = ExportConfig {
            folder: folder.path().join("exports"),
        };
        let runner = Runner {
            config: RunnerConfig::default(),
            registry: processors::registry(&db.store, &mailer, export),
            store: db.store.clone(),
            metrics: Metrics::default(),
            clock: Arc::<lockstep::clock::ManualClock>::clone(&db.clock),
            log,
        };
        Self {
            db,
            runner,
            smtp,
            folder,
        }
    }

    async fn sign_up(&self, user: NewUser) -> (i64, i64) {
        let job = job_for(&user);
        let created = self.db.store.user_create(user, job).await.unwrap();
        (created.user.id, created.job_id.unwrap())
    }

    async fn enqueue(&self, job_type: &str, payload: &Value) -> i64 {
        let job = queue::new_job(
            policy(job_type),
            payload.to_string(),
            EnqueueOptions::default(),
        )
        .unwrap();
        self.db.store.job_enqueue(job).await.unwrap().job.id
    }

    async fn job(&self, id: i64) -> Job {
        self.db.store.job_get(id).await.unwrap().unwrap()
    }

    /// Runs what is due and answers the job's result.
    async fn result(&self, id: i64) -> Value {
        self.runner.run_due().await.unwrap();
        let job = self.job(id).await;
        assert_eq!(job.status, JobStatus::Completed, "{:?}", job.error_message);
        serde_json::from_str(job.result.as_deref().unwrap()).unwrap()
    }

    /// Runs what is due; the job must have met an error.
    async fn error(&self, id: i64, status: JobStatus) -> String {
        self.runner.run_due().await.unwrap();
        let job = self.job(id).await;
        assert_eq!(job.status, status, "{:?}", job.error_message);
        let error = job.error_message.unwrap();
        assert!(!error.contains('@'), "an address leaks: {error}");
        error
    }

    fn recipients(&self) -> Vec<String> {
        let mut all: Vec<_> = self
            .smtp
            .accepted()
            .into_iter()
            .flat_map(|mail| mail.to)
            .collect();
        all.sort();
        all
    }

    fn exports(&self) -> Vec<String> {
        let folder = fs::read_dir(self.folder.path().join("exports")).unwrap();
        let mut names: Vec<_> = folder
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    }
}
