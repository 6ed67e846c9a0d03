//! Random steps against a small model: legal transitions only, no overlapping leases, counters exact, order kept.

use std::{collections::BTreeMap, time::Duration};

use lockstep::{
    model::{AttemptOutcome, JobStatus, LeaseToken, Settled, Settlement},
    queue::EnqueueOptions,
};
use proptest::prelude::*;

use super::claims::{LEASE, claim};
use crate::support::database::{Database, analysis_with};

#[derive(Debug, Clone)]
enum Step {
    Enqueue {
        priority: i32,
        delay: u8,
    },
    Claim {
        limit: usize,
    },
    /// Settles the lease at this place of all leases ever given, live or not.
    Settle {
        lease: prop::sample::Index,
        end: End,
    },
    Heartbeat {
        lease: prop::sample::Index,
    },
    Cancel {
        job: prop::sample::Index,
    },
    Retry {
        job: prop::sample::Index,
    },
    /// Clocks are set back, too.
    Pass {
        seconds: i8,
    },
    Promote,
    Rescue,
}

#[derive(Debug, Clone, Copy)]
enum End {
    Complete,
    Retry,
    Fail,
    Snooze,
    Release,
    Cancel,
}

fn step() -> impl Strategy<Value = Step> {
    let end = prop::sample::select(vec![
        End::Complete,
        End::Retry,
        End::Fail,
        End::Snooze,
        End::Release,
        End::Cancel,
    ]);
    prop_oneof![
        4 => (-2..3_i32, 0..40_u8).prop_map(|(priority, delay)| Step::Enqueue { priority, delay }),
        4 => (1..4_usize).prop_map(|limit| Step::Claim { limit }),
        5 => (any::<prop::sample::Index>(), end).prop_map(|(lease, end)| Step::Settle { lease, end }),
        1 => any::<prop::sample::Index>().prop_map(|lease| Step::Heartbeat { lease }),
        1 => any::<prop::sample::Index>().prop_map(|job| Step::Cancel { job }),
        1 => any::<prop::sample::Index>().prop_map(|job| Step::Retry { job }),
        3 => (-10..40_i8).prop_map(|seconds| Step::Pass { seconds }),
        2 => Just(Step::Promote),
        2 => Just(Step::Rescue),
    ]
}

/// What the world outside knows: every lease ever given, and the state in which each job was seen last.
struct Model {
    database: Database,
    leases: Vec<(i64, LeaseToken)>,
    /// The newest lease of each job that has not been settled, given up or cancelled as far as we were told.
    live: BTreeMap<i64, LeaseToken>,
    seen: BTreeMap<i64, JobStatus>,
    accepted: BTreeMap<i64, u32>,
}

impl Model {
    async fn step(&mut self, step: Step) {
        let store = self.database.store.clone();
        match step {
            Step::Enqueue { priority, delay } => {
                let scheduled_at = chrono::TimeDelta::seconds(i64::from(delay));
                let now = lockstep::clock::Clock::now(&*self.database.clock);
                let options = EnqueueOptions {
                    priority: Some(priority),
                    scheduled_at: Some(now + scheduled_at),
                    ..EnqueueOptions::default()
                };
                let job = store.job_enqueue(analysis_with(options)).await.unwrap().job;
                self.seen.insert(job.id, job.status);
            }
            Step::Claim { limit } => self.claim(limit).await,
            Step::Settle { lease, end } => self.settle(lease, end).await,
            Step::Heartbeat { lease } => {
                if !self.leases.is_empty() {
                    let lease = *lease.get(&self.leases);
                    store.job_heartbeat(vec![lease], LEASE).await.unwrap();
                }
            }
            Step::Cancel { job } => {
                let _ = store.job_cancel(self.job(job)).await;
            }
            Step::Retry { job } => {
                let _ = store.job_retry(self.job(job)).await;
            }
            Step::Pass { seconds } => {
                let by = chrono::TimeDelta::seconds(i64::from(seconds));
                self.database.clock.advance(by);
            }
            Step::Promote => {
                store.job_promote(5).await.unwrap();
            }
            Step::Rescue => {
                store.job_rescue(5).await.unwrap();
            }
        }
        self.look().await;
    }

    fn job(&self, index: prop::sample::Index) -> i64 {
        if self.seen.is_empty() {
            1
        } else {
            i64::try_from(index.index(self.seen.len())).unwrap() + 1
        }
    }

    async fn claim(&mut self, limit: usize) {
        let before = self.seen.clone();
        let claimed = claim(&self.database.store, limit).await;
        let ranks: Vec<_> = claimed
            .iter()
            .map(|job| (-job.priority, job.scheduled_at, job.id))
            .collect();
        assert!(ranks.is_sorted(), "{ranks:?}");
        for job in claimed {
            assert_eq!(
                before[&job.id],
                JobStatus::Pending,
                "only due jobs are claimed"
            );
            self.leases.push((job.id, job.lease));
            self.live.insert(job.id, job.lease);
        }
    }

    async fn settle(&mut self, lease: prop::sample::Index, end: End) {
        if self.leases.is_empty() {
            return;
        }
        let (id, token) = *lease.get(&self.leases);
        let error = "e".to_owned();
        let settlement = match end {
            End::Complete => Settlement::Complete { result: None },
            End::Retry => Settlement::Retry {
                delay: Duration::from_secs(10),
                error,
                outcome: AttemptOutcome::Failed,
            },
            End::Fail => Settlement::Fail {
                error,
                outcome: AttemptOutcome::Failed,
            },
            End::Snooze => Settlement::Snooze {
                delay: Duration::from_secs(10),
            },
            End::Release => Settlement::Release,
            End::Cancel => Settlement::Cancel { error: None },
        };
        let held = self.seen[&id] == JobStatus::Processing && self.live.get(&id) == Some(&token);
        let settled = self
            .database
            .store
            .job_settle(vec![(id, token, settlement)])
            .await
            .unwrap();
        assert_eq!(
            matches!(settled[0], Settled::Accepted(_)),
            held,
            "only the live lease settles"
        );
        if held {
            self.live.remove(&id);
            *self.accepted.entry(id).or_default() += 1;
        }
    }

    /// Every job is where it may be, seen from where it was.
    async fn look(&mut self) {
        for (id, before) in &mut self.seen {
            let job = self
                .database
                .store
                .job_get(*id)
                .await
                .unwrap()
                .expect("no job is lost");
            // A step may move a job twice only through processing, which it then was seen in.
            assert!(
                job.status == *before || before.may_become(job.status),
                "{before} → {}",
                job.status
            );
            *before = job.status;
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 100, ..ProptestConfig::default() })]

    #[test]
    fn no_sequence_of_steps_breaks_a_promise(steps in prop::collection::vec(step(), 1..60)) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let mut model = Model {
                database: Database::new().await,
                leases: Vec::new(),
                live: BTreeMap::new(),
                seen: BTreeMap::new(),
                accepted: BTreeMap::new(),
            };
            for step in steps {
                model.step(step).await;
            }
            // One history row for each accepted outcome and each lost worker.
            for id in model.seen.keys() {
                let job = model.database.store.job_get(*id).await.unwrap().unwrap();
                let runs = model.database.store.job_attempts(*id, 1000).await.unwrap();
                let lost = runs.iter().filter(|run| run.outcome == Some(AttemptOutcome::Lost)).count();
                let running = usize::from(job.status == JobStatus::Processing);
                let accepted = model.accepted.get(id).copied().unwrap_or(0) as usize;
                assert_eq!(runs.len(), accepted + lost + running);
            }
            model.database.close().await;
        });
    }
}
