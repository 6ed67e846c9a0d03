//! Owns the `email_notification` job: one e-mail per recipient.
//! Must not know: HTTP, how e-mail leaves, or how jobs are claimed and settled.

use std::{
    collections::{BTreeSet, HashMap, HashSet},
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
};

use futures::{StreamExt, stream};
use lockstep_client::types::{EmailNotificationPayload, EmailNotificationResult};

use super::failure::not_in_contract;
use crate::{
    contract::jobs,
    mail::{Letter, MailError, Mailer},
    queue::{JobContext, JobError, Processor},
};

/// E-mails of one job at the same time.
const AT_ONCE: usize = 8;

/// Jobs whose progress is remembered.
const REMEMBERED: usize = 1000;

const SUBJECT: &str = "Notification";

/// Sends a message to each recipient. A retry in the same process leaves out those who have got it.
#[derive(Debug)]
pub struct EmailNotification {
    mailer: Mailer,
    /// Who has got the message, by job. In memory only: after a restart a repeat reaches all, with the same
    /// Message-IDs.
    reached: Mutex<HashMap<i64, HashSet<String>>>,
}

/// What became of one recipient.
enum Sent {
    Yes,
    No(MailError),
    /// The server had given up on all of them, or the run was stopped.
    NotTried,
}

impl EmailNotification {
    /// A processor on this mailer.
    pub fn new(mailer: Mailer) -> Self {
        Self {
            mailer,
            reached: Mutex::default(),
        }
    }

    async fn send_all(
        &self,
        context: &JobContext,
        payload: &EmailNotificationPayload,
        recipients: Vec<String>,
    ) -> Vec<Sent> {
        let hopeless = &AtomicBool::new(false);
        stream::iter(recipients)
            .map(|to| self.send_one(context, payload, to, hopeless))
            .buffer_unordered(AT_ONCE)
            .collect()
            .await
    }

    async fn send_one(
        &self,
        context: &JobContext,
        payload: &EmailNotificationPayload,
        to: String,
        hopeless: &AtomicBool,
    ) -> Sent {
        if hopeless.load(Ordering::Relaxed) || context.stop.is_cancelled() {
            return Sent::NotTried;
        }
        let letter = Letter {
            occasion: context.job_id,
            to: &to,
            to_name: None,
            subject: payload
                .subject
                .as_ref()
                .map_or(SUBJECT, |subject| subject.as_str()),
            text: &payload.message,
        };
        match self.mailer.send(&letter).await {
            Ok(_) => {
                self.remember(context.job_id, to);
                Sent::Yes
            }
            Err(error) => {
                hopeless.fetch_or(error.concerns_every_letter(), Ordering::Relaxed);
                Sent::No(error)
            }
        }
    }

    fn reached(&self, job_id: i64) -> HashSet<String> {
        let reached = self.reached.lock().unwrap_or_else(PoisonError::into_inner);
        reached.get(&job_id).cloned().unwrap_or_default()
    }

    fn remember(&self, job_id: i64, to: String) {
        let mut reached = self.reached.lock().unwrap_or_else(PoisonError::into_inner);
        if reached.len() >= REMEMBERED && !reached.contains_key(&job_id) {
            let oldest = reached.keys().min().copied();
            oldest.and_then(|job| reached.remove(&job));
        }
        reached.entry(job_id).or_default().insert(to);
    }

    fn forget(&self, job_id: i64) {
        let mut reached = self.reached.lock().unwrap_or_else(PoisonError::into_inner);
        reached.remove(&job_id);
    }
}

impl Processor for EmailNotification {
    type Job = jobs::EmailNotification;

    async fn process(
        &self,
        context: JobContext,
        payload: EmailNotificationPayload,
    ) -> Result<EmailNotificationResult, JobError> {
        let before = self.reached(context.job_id);
        // Whoever is named twice gets it once.
        let all: BTreeSet<&str> = payload.recipients.iter().map(|to| to.as_str()).collect();
        let left = all
            .iter()
            .filter(|to| !before.contains(**to))
            .map(|to| (*to).to_owned())
            .collect();
        let sent = self.send_all(&context, &payload, left).await;
        verdict(sent, all.len(), context.stop.is_cancelled())?;
        self.forget(context.job_id);
        Ok(EmailNotificationResult {
            sent: i64::try_from(all.len()).map_err(not_in_contract("sent"))?,
        })
    }
}

/// Whom a later try may reach counts more than whom nobody can reach: the latter are reported in the end.
fn verdict(sent: Vec<Sent>, all: usize, stopped: bool) -> Result<(), JobError> {
    let (mut not_tried, mut put_off, mut refused) = (0, Vec::new(), Vec::new());
    for one in sent {
        match one {
            Sent::Yes => {}
            Sent::NotTried => not_tried += 1,
            Sent::No(error) if error.may_get_better() => put_off.push(error),
            Sent::No(error) => refused.push(error),
        }
    }
    let missing = not_tried + put_off.len();
    if let Some(error) = put_off.pop() {
        return Err(JobError::retry(
            format!("{missing} of {all} e-mails have not left yet"),
            error,
        ));
    }
    if missing > 0 && stopped {
        return Err(JobError::Stopped);
    }
    if let Some(error) = refused.pop() {
        let count = refused.len() + 1;
        return Err(JobError::fail(
            format!("{count} of {all} e-mails were refused for good; the others have left"),
            error,
        ));
    }
    Ok(())
}
