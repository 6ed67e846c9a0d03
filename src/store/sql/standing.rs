//! Owns work that stays with a writing thread until there is something for it, and the ways to have it asked again.
//! Must not know: what it waits for.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use tokio::sync::mpsc;

use super::{
    tx::Tx,
    unit::{Failure, Unit},
};
use crate::store::StoreError;

/// Has all that stands asked again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::store) enum Nudge {
    /// Something may have come for it.
    LookAgain,
    /// Whatever comes of it is answered.
    LetGo,
}

impl Unit for Nudge {
    fn run(&mut self, _tx: &mut Tx<'_>) -> bool {
        true
    }

    fn failure(&self) -> Option<&StoreError> {
        None
    }

    fn nudge(&self) -> Option<Nudge> {
        Some(*self)
    }

    fn answer(self: Box<Self>, _failure: Option<&Failure>) {}
}

/// What stands with one writing thread.
#[derive(Default)]
pub(in crate::store) struct Standing {
    units: Vec<Box<dyn Unit>>,
    /// The next transaction is to ask it, whatever else it does.
    ask: bool,
    let_go: bool,
    /// The last transaction has asked it.
    asked: bool,
}

impl Standing {
    /// Takes what stands, and nudges, out of a batch.
    pub(in crate::store) fn take_in(&mut self, batch: &mut Vec<Box<dyn Unit>>) {
        (self.ask, self.let_go, self.asked) = (false, false, false);
        for unit in batch.extract_if(.., |unit| unit.stands() || unit.nudge().is_some()) {
            self.ask = true;
            match unit.nudge() {
                None => self.units.push(unit),
                Some(nudge) => self.let_go |= nudge == Nudge::LetGo,
            }
        }
    }

    /// Whether a transaction is worth it for what stands alone.
    pub(in crate::store) fn is_to_be_asked(&self) -> bool {
        self.ask && !self.units.is_empty()
    }

    /// At the end of a transaction: what is to be run in it, too. `came`: the transaction may have brought something.
    pub(in crate::store) fn asked(&mut self, came: bool) -> &mut [Box<dyn Unit>] {
        self.asked = self.ask || came;
        if !self.asked {
            return &mut [];
        }
        self.units.retain(|unit| unit.is_wanted());
        &mut self.units
    }

    /// After the transaction: what is to be answered.
    pub(in crate::store) fn answered(
        &mut self,
        failed: bool,
    ) -> impl Iterator<Item = Box<dyn Unit>> {
        let (asked, let_go) = (self.asked, self.let_go);
        self.units.extract_if(.., move |unit| {
            failed || (asked && (let_go || unit.is_enough()))
        })
    }
}

/// How much stands, or is on its way to.
#[derive(Debug, Clone, Default)]
pub(in crate::store) struct Count(Arc<AtomicUsize>);

/// One of them, until it is dropped.
pub(in crate::store) struct Counted(Count);

impl Count {
    /// Before it is sent: whoever commits after that knows that there is somebody to nudge, and what was committed before
    /// is seen.
    pub(in crate::store) fn one_more(&self) -> Counted {
        self.0.fetch_add(1, Ordering::SeqCst);
        Counted(self.clone())
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.0.fetch_sub(1, Ordering::SeqCst);
    }
}

/// A way to what stands. It keeps no thread alive.
#[derive(Clone)]
pub(in crate::store) struct Nudger {
    pub(super) queue: mpsc::WeakSender<Box<dyn Unit>>,
    pub(super) count: Count,
}

impl Nudger {
    /// Something may have come for what stands. Does not block. A thread that has more to do than it can keep asks by itself.
    pub(in crate::store) fn look_again(&self) {
        if self.count.0.load(Ordering::SeqCst) > 0
            && let Some(queue) = self.queue.upgrade()
        {
            let _ = queue.try_send(Box::new(Nudge::LookAgain));
        }
    }
}
