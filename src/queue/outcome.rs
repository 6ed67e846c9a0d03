//! Owns the decision what becomes of a job after a run. Pure.
//! Must not know: any concrete job type, clocks, or how a settlement is stored.

use std::{error::Error as StdError, time::Duration};

use super::{JobError, backoff};
use crate::model::{AttemptOutcome, Backoff, BackoffKind, ClaimedJob, JobPolicy, Settlement};

/// Longest error message that is stored, in characters.
pub const MAX_ERROR_CHARS: usize = 10_000;

/// Longest wait that a processor may ask for.
const MAX_DELAY: Duration = Duration::from_hours(24 * 366);

/// Shortest snooze: keeps a processor that always says "not now" from spinning.
const MIN_SNOOZE: Duration = Duration::from_secs(1);

/// For a job whose type declares nothing here.
const FALLBACK: Backoff = Backoff {
    kind: BackoffKind::Linear,
    base: Duration::from_mins(5),
    cap: Duration::from_hours(1),
    jitter: 0.0,
};

/// How a run ended.
#[derive(Debug, Clone)]
pub(super) enum RunEnd {
    /// The result as JSON text, where there is one.
    Completed(Option<String>),
    Error(JobError),
    TimedOut,
    Panicked(String),
    /// Dropped, because it did not stop by itself when asked to.
    Dropped,
    NoProcessor,
}

/// Why a run was asked to stop.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum StopReason {
    /// Somebody cancelled the job.
    CancelRequested,
    /// The worker ends.
    WorkerStops,
    /// No heartbeat reached the store in time: the job may be somebody else's by now, or not.
    LeaseUnsure,
    /// The job is somebody else's.
    LeaseLost,
}

/// What to tell the store; nothing when the job is somebody else's. `random` in 0 to 1 picks the jitter.
pub(super) fn settlement(
    job: &ClaimedJob,
    policy: Option<&JobPolicy>,
    end: RunEnd,
    stop: Option<StopReason>,
    random: f64,
) -> Option<Settlement> {
    if stop == Some(StopReason::LeaseLost) {
        return None;
    }
    let failure = match end {
        RunEnd::Completed(result) => return Some(Settlement::Complete { result }),
        RunEnd::Dropped | RunEnd::Error(JobError::Stopped) => match stop {
            Some(StopReason::CancelRequested) => return Some(Settlement::Cancel { error: None }),
            Some(_) => return Some(Settlement::Release),
            None => Failure::temporary("the processor stopped without being asked to"),
        },
        // A cancelled job would not come back from its snooze.
        RunEnd::Error(JobError::Snooze(_)) if stop == Some(StopReason::CancelRequested) => {
            return Some(Settlement::Cancel { error: None });
        }
        RunEnd::Error(JobError::Snooze(delay)) => {
            return Some(Settlement::Snooze {
                delay: delay.clamp(MIN_SNOOZE, MAX_DELAY),
            });
        }
        RunEnd::Error(error) => Failure::of(&error),
        RunEnd::TimedOut => Failure {
            outcome: AttemptOutcome::TimedOut,
            ..Failure::temporary(&format!(
                "the run took longer than its timeout of {} s",
                job.timeout.as_secs_f64()
            ))
        },
        RunEnd::Panicked(message) => Failure {
            outcome: AttemptOutcome::Panicked,
            ..Failure::temporary(&format!("the processor panicked: {message}"))
        },
        RunEnd::NoProcessor => {
            Failure::final_one(&format!("no processor for job type: {}", job.job_type))
        }
    };
    Some(failure.settlement(job, policy, stop, random))
}

/// A run that counts as an error.
struct Failure {
    error: String,
    outcome: AttemptOutcome,
    may_retry: bool,
    after: Option<Duration>,
}

impl Failure {
    fn temporary(error: &str) -> Self {
        Self {
            error: tamed(error),
            outcome: AttemptOutcome::Failed,
            may_retry: true,
            after: None,
        }
    }

    fn final_one(error: &str) -> Self {
        Self {
            may_retry: false,
            ..Self::temporary(error)
        }
    }

    fn of(error: &JobError) -> Self {
        let text = with_causes(error);
        match error {
            JobError::Retry { after, .. } => Self {
                after: after.map(|after| after.min(MAX_DELAY)),
                ..Self::temporary(&text)
            },
            _ => Self::final_one(&text),
        }
    }

    fn settlement(
        self,
        job: &ClaimedJob,
        policy: Option<&JobPolicy>,
        stop: Option<StopReason>,
        random: f64,
    ) -> Settlement {
        let Self { error, outcome, .. } = self;
        if stop == Some(StopReason::CancelRequested) {
            return Settlement::Cancel { error: Some(error) };
        }
        if !self.may_retry || job.retry_count >= job.max_retries {
            return Settlement::Fail { error, outcome };
        }
        let retry = u32::try_from(job.retry_count).unwrap_or(0) + 1;
        let backoff = policy.map_or(&FALLBACK, |policy| &policy.backoff);
        Settlement::Retry {
            delay: self
                .after
                .unwrap_or_else(|| backoff::delay(backoff, retry, random)),
            error,
            outcome,
        }
    }
}

/// The message followed by its causes; a cause that the text already ends with is not repeated.
pub(super) fn with_causes(error: &dyn StdError) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let message = error.to_string();
        if !text.ends_with(&message) {
            text.push_str(": ");
            text.push_str(&message);
        }
        cause = error.source();
    }
    text
}

/// Cut to [`MAX_ERROR_CHARS`]; control characters, which could upset a terminal or a log, become spaces.
fn tamed(text: &str) -> String {
    text.chars()
        .take(MAX_ERROR_CHARS)
        .map(|c| if c.is_control() { ' ' } else { c })
        .collect()
}

#[cfg(test)]
mod tests {
    use chrono::DateTime;
    use proptest::prelude::*;

    use super::*;
    use crate::model::LeaseToken;

    fn job(retry_count: i32, max_retries: i32) -> ClaimedJob {
        ClaimedJob {
            id: 1,
            job_type: "report".to_owned(),
            queue: "default".to_owned(),
            payload: String::new(),
            priority: 0,
            max_retries,
            retry_count,
            attempt: 1,
            timeout: Duration::from_millis(1500),
            schema_fingerprint: String::new(),
            checkpoint: None,
            scheduled_at: DateTime::UNIX_EPOCH,
            started_at: DateTime::UNIX_EPOCH,
            lease: LeaseToken(1),
        }
    }

    fn retry(message: &str, after: Option<Duration>) -> RunEnd {
        RunEnd::Error(JobError::Retry {
            message: message.to_owned(),
            after,
            source: None,
        })
    }

    fn settle(retry_count: i32, end: RunEnd, stop: Option<StopReason>) -> Option<Settlement> {
        settlement(&job(retry_count, 3), None, end, stop, 0.5)
    }

    #[test]
    fn errors_are_tried_again_after_5_10_15_minutes_and_then_fail() {
        for (retry_count, minutes) in [(0, 5), (1, 10), (2, 15)] {
            let settled = settle(retry_count, retry("no luck", None), None);
            let expected = Settlement::Retry {
                delay: Duration::from_mins(minutes),
                error: "no luck".to_owned(),
                outcome: AttemptOutcome::Failed,
            };
            assert_eq!(settled, Some(expected));
        }
        let settled = settle(3, retry("no luck", None), None);
        let expected = Settlement::Fail {
            error: "no luck".to_owned(),
            outcome: AttemptOutcome::Failed,
        };
        assert_eq!(settled, Some(expected));
    }

    #[test]
    fn the_processor_may_name_the_wait_within_bounds() {
        let delay_of = |settled| match settled {
            Some(Settlement::Retry { delay, .. } | Settlement::Snooze { delay }) => delay,
            other => panic!("{other:?}"),
        };
        let after = |after| delay_of(settle(0, retry("", Some(after)), None));
        assert_eq!(after(Duration::from_secs(7)), Duration::from_secs(7));
        assert_eq!(after(Duration::MAX), MAX_DELAY);
        let snooze = |wait| delay_of(settle(3, RunEnd::Error(JobError::Snooze(wait)), None));
        assert_eq!(snooze(Duration::from_secs(7)), Duration::from_secs(7));
        assert_eq!(snooze(Duration::ZERO), MIN_SNOOZE);
        assert_eq!(snooze(Duration::MAX), MAX_DELAY);
    }

    #[test]
    fn timeouts_and_panics_count_as_errors_and_keep_their_name() {
        let Some(Settlement::Retry { error, outcome, .. }) = settle(0, RunEnd::TimedOut, None)
        else {
            panic!("not tried again");
        };
        assert_eq!(outcome, AttemptOutcome::TimedOut);
        assert_eq!(error, "the run took longer than its timeout of 1.5 s");
        let panicked = RunEnd::Panicked("boom\u{1b}[31m".to_owned());
        let Some(Settlement::Fail { error, outcome }) = settle(3, panicked, None) else {
            panic!("not failed");
        };
        assert_eq!(outcome, AttemptOutcome::Panicked);
        assert_eq!(error, "the processor panicked: boom [31m");
    }

    #[test]
    fn final_errors_and_unknown_types_fail_with_retries_left() {
        let fail = |end| match settle(0, end, None) {
            Some(Settlement::Fail { error, .. }) => error,
            other => panic!("{other:?}"),
        };
        assert_eq!(
            fail(RunEnd::NoProcessor),
            "no processor for job type: report"
        );
        let inner = std::io::Error::other("disk full");
        assert_eq!(
            fail(RunEnd::Error(JobError::fail("cannot write", inner))),
            "cannot write: disk full"
        );
    }

    #[test]
    fn causes_are_told_once() {
        let inner = std::io::Error::other("disk full");
        let error = JobError::retry("cannot write: disk full", inner);
        assert_eq!(with_causes(&error), "cannot write: disk full");
    }

    #[test]
    fn what_a_stop_means_depends_on_its_reason() {
        use StopReason::{CancelRequested, LeaseLost, LeaseUnsure, WorkerStops};
        let stopped = || RunEnd::Error(JobError::Stopped);
        for end in [stopped, || RunEnd::Dropped] {
            let cancel = Some(Settlement::Cancel { error: None });
            assert_eq!(settle(0, end(), Some(CancelRequested)), cancel);
            assert_eq!(
                settle(0, end(), Some(WorkerStops)),
                Some(Settlement::Release)
            );
            assert_eq!(
                settle(0, end(), Some(LeaseUnsure)),
                Some(Settlement::Release)
            );
            assert_eq!(settle(0, end(), Some(LeaseLost)), None);
            assert!(matches!(
                settle(0, end(), None),
                Some(Settlement::Retry { .. })
            ));
        }
        // Work that is done counts, whoever asked to stop; unless it is not ours any more.
        let done = || RunEnd::Completed(None);
        for reason in [CancelRequested, WorkerStops, LeaseUnsure] {
            let settled = settle(0, done(), Some(reason));
            assert_eq!(settled, Some(Settlement::Complete { result: None }));
        }
        assert_eq!(settle(0, done(), Some(LeaseLost)), None);
        // A cancelled job is not tried again.
        let settled = settle(0, retry("broke off", None), Some(CancelRequested));
        let error = Some("broke off".to_owned());
        assert_eq!(settled, Some(Settlement::Cancel { error }));
    }

    fn ends() -> impl Strategy<Value = RunEnd> {
        prop_oneof![
            any::<String>().prop_map(|message| retry(&message, None)),
            Just(RunEnd::TimedOut),
            any::<String>().prop_map(RunEnd::Panicked),
            Just(RunEnd::Dropped),
            Just(RunEnd::Error(JobError::Stopped)),
        ]
    }

    proptest! {
        #[test]
        fn errors_cause_at_most_one_run_more_than_max_retries(
            max_retries in -1..20_i32,
            ends in proptest::collection::vec(ends(), 40),
        ) {
            let (mut retry_count, mut runs) = (0, 0);
            for end in ends {
                runs += 1;
                match settlement(&job(retry_count, max_retries), None, end, None, 0.5) {
                    Some(Settlement::Retry { .. }) => retry_count += 1,
                    Some(Settlement::Fail { .. }) => break,
                    other => prop_assert!(false, "{other:?}"),
                }
            }
            prop_assert_eq!(runs, 1 + max_retries.max(0));
        }

        #[test]
        fn errors_are_short_and_tame(message in "\\PC{0,50}[\\x00-\\x1f\\x7f-\\u{9f}]{0,9}", times in 1..2000_usize) {
            let Some(Settlement::Retry { error, .. }) = settle(0, retry(&message.repeat(times), None), None) else {
                panic!("not tried again");
            };
            prop_assert!(error.chars().count() <= MAX_ERROR_CHARS);
            prop_assert!(!error.chars().any(char::is_control));
        }
    }
}
