//! Random steps against a small model of the queue: no job lost, none settled twice, no overlapping leases, uniqueness and
//! limits never broken, order respected, every claim exactly what the rules say. A failing case prints its steps; proptest
//! keeps its seed in `proptest-regressions/`.

mod rules; // what may be, from what is seen
mod world; // carrying out steps, and looking

use lockstep::model::{ControlKind, OnConflict};
use proptest::{prelude::*, sample::Index};
use tokio::runtime::{Builder, Runtime};

use self::world::World;
use crate::support::place::on_postgres;

#[derive(Debug, Clone)]
enum Step {
    Enqueue(Wish),
    Claim {
        queue: &'static str,
        limit: usize,
    },
    /// Settles the lease at this place of all leases ever given, live or not.
    Settle {
        lease: Index,
        end: End,
    },
    Heartbeat {
        lease: Index,
    },
    Cancel {
        job: Index,
    },
    Retry {
        job: Index,
    },
    Delete {
        job: Index,
    },
    /// Clocks are set back, too.
    Pass {
        seconds: i8,
    },
    Promote,
    Rescue,
    /// Expired locks, and gates whose limits were raised.
    Tidy,
    Pause {
        kind: ControlKind,
        name: &'static str,
        on: bool,
    },
    LimitQueue {
        concurrency: Option<u32>,
    },
}

/// A job that somebody wants.
#[derive(Debug, Clone)]
struct Wish {
    job_type: &'static str,
    priority: i32,
    delay: u8,
    /// Seconds after its start.
    expires: Option<u8>,
    key: Option<u8>,
    /// Each key has its own scope.
    unique: Option<(u8, OnConflict)>,
    after: Option<Index>,
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

fn wish() -> impl Strategy<Value = Wish> {
    let job_type = prop::sample::select(vec!["alpha", "alpha", "beta", "gamma"]);
    let conflict = prop::sample::select(vec![
        OnConflict::Return,
        OnConflict::Replace,
        OnConflict::Reject,
    ]);
    (
        job_type,
        -2..3_i32,
        prop_oneof![3 => Just(0), 1 => 0..40_u8],
        prop::option::weighted(0.15, 1..60_u8),
        prop::option::of(0..2_u8),
        prop::option::weighted(0.4, (0..4_u8, conflict)),
        prop::option::weighted(0.15, any::<Index>()),
    )
        .prop_map(
            |(job_type, priority, delay, expires, key, unique, after)| Wish {
                job_type,
                priority,
                delay,
                expires,
                key,
                unique,
                after,
            },
        )
}

fn step() -> impl Strategy<Value = Step> {
    let end = prop::sample::select(vec![
        End::Complete,
        End::Complete,
        End::Retry,
        End::Fail,
        End::Snooze,
        End::Release,
        End::Cancel,
    ]);
    let pause = prop::sample::select(vec![
        (ControlKind::JobType, "alpha"),
        (ControlKind::JobType, "beta"),
        (ControlKind::Queue, "default"),
    ]);
    prop_oneof![
        8 => wish().prop_map(Step::Enqueue),
        8 => (prop::sample::select(vec!["default", "default", "side"]), 1..5_usize)
            .prop_map(|(queue, limit)| Step::Claim { queue, limit }),
        9 => (any::<Index>(), end).prop_map(|(lease, end)| Step::Settle { lease, end }),
        2 => any::<Index>().prop_map(|lease| Step::Heartbeat { lease }),
        2 => any::<Index>().prop_map(|job| Step::Cancel { job }),
        2 => any::<Index>().prop_map(|job| Step::Retry { job }),
        1 => any::<Index>().prop_map(|job| Step::Delete { job }),
        5 => (-10..40_i8).prop_map(|seconds| Step::Pass { seconds }),
        4 => Just(Step::Promote),
        3 => Just(Step::Rescue),
        1 => Just(Step::Tidy),
        2 => (pause, any::<bool>()).prop_map(|((kind, name), on)| Step::Pause { kind, name, on }),
        1 => prop::option::of(0..3_u32).prop_map(|concurrency| Step::LimitQueue { concurrency }),
    ]
}

/// A step on PostgreSQL goes to a server and, when it writes, to its disk.
fn cases() -> u32 {
    if on_postgres() { 300 } else { 2_000 }
}

thread_local! {
    /// Of all cases: on PostgreSQL they share a store.
    static RUNTIME: Runtime = Builder::new_current_thread().enable_all().build().unwrap();
}

proptest! {
    #![proptest_config(ProptestConfig { cases: cases(), ..ProptestConfig::default() })]

    #[test]
    fn no_sequence_of_steps_breaks_a_promise(steps in prop::collection::vec(step(), 1..50)) {
        RUNTIME.with(|runtime| runtime.block_on(async {
            let mut world = World::new().await;
            for step in steps {
                world.step(step).await;
            }
            world.close().await;
        }));
    }
}
