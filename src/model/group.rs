//! Owns jobs that belong together: a group with its callback, and who waits for whom within one request.
//! Must not know: how they are stored or run.

use chrono::{DateTime, Utc};

use super::NewJob;

/// A job of a request that stores many.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewItem {
    pub job: NewJob,
    /// Places in the same request of the jobs that must complete before.
    pub after_items: Vec<usize>,
}

/// A group that is not stored yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewGroup {
    pub name: Option<String>,
    pub jobs: Vec<NewItem>,
    /// Enqueued when all have ended, however they did.
    pub callback: Option<NewJob>,
}

/// A stored group. What is in none of the three counts has not ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JobGroup {
    pub id: i64,
    pub name: Option<String>,
    pub total: i64,
    pub completed: i64,
    pub failed: i64,
    pub cancelled: i64,
    pub has_callback: bool,
    pub callback_job_id: Option<i64>,
    pub created_at: DateTime<Utc>,
    /// When all had ended for the first time.
    pub completed_at: Option<DateTime<Utc>>,
}

/// An order in which each item comes after those that it waits for (Kahn's algorithm, in the order of the request where
/// nothing else decides). An error is the place of an item that waits for itself, by a way around or directly, or for one
/// that does not exist.
pub fn order(after: &[&[usize]]) -> Result<Vec<usize>, usize> {
    let mut missing: Vec<usize> = Vec::with_capacity(after.len());
    let mut followers: Vec<Vec<usize>> = vec![Vec::new(); after.len()];
    for (item, before) in after.iter().enumerate() {
        for other in *before {
            followers.get_mut(*other).ok_or(item)?.push(item);
        }
        missing.push(before.len());
    }
    let mut ready: std::collections::BTreeSet<usize> = (0..after.len())
        .filter(|item| missing[*item] == 0)
        .collect();
    let mut order = Vec::with_capacity(after.len());
    while let Some(item) = ready.pop_first() {
        order.push(item);
        for follower in &followers[item] {
            missing[*follower] -= 1;
            if missing[*follower] == 0 {
                ready.insert(*follower);
            }
        }
    }
    match (0..after.len()).find(|item| missing[*item] > 0) {
        None => Ok(order),
        Some(item) => Err(item),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::order;

    fn ordered(after: &[Vec<usize>]) -> Result<Vec<usize>, usize> {
        order(&after.iter().map(Vec::as_slice).collect::<Vec<_>>())
    }

    #[test]
    fn who_waits_for_nobody_keeps_the_place() {
        assert_eq!(ordered(&[vec![], vec![], vec![]]), Ok(vec![0, 1, 2]));
        assert_eq!(ordered(&[vec![2], vec![], vec![1]]), Ok(vec![1, 2, 0]));
        assert_eq!(ordered(&[vec![1, 1], vec![]]), Ok(vec![1, 0]));
    }

    #[test]
    fn a_cycle_and_a_place_that_is_none_are_refused() {
        assert_eq!(ordered(&[vec![0]]), Err(0));
        assert_eq!(ordered(&[vec![], vec![2], vec![1]]), Err(1));
        assert_eq!(ordered(&[vec![], vec![7]]), Err(1));
    }

    proptest! {
        #[test]
        fn an_order_has_everything_once_and_after_what_it_waits_for(
            after in prop::collection::vec(prop::collection::vec(0_usize..12, 0..3), 0..12)
        ) {
            if let Ok(order) = ordered(&after) {
                let place = |item: usize| order.iter().position(|other| *other == item).unwrap();
                prop_assert_eq!(order.len(), after.len());
                for (item, before) in after.iter().enumerate() {
                    prop_assert!(before.iter().all(|other| place(*other) < place(item)));
                }
            }
        }

        #[test]
        fn waiting_for_earlier_ones_only_is_never_a_cycle(picks in prop::collection::vec(any::<prop::sample::Index>(), 1..20)) {
            let after: Vec<Vec<usize>> = picks.iter().enumerate()
                .map(|(item, pick)| if item == 0 { vec![] } else { vec![pick.index(item)] })
                .collect();
            prop_assert!(ordered(&after).is_ok());
        }
    }
}
