//! Owns work that stays with a writing thread until there is something for it, and the ways to have it asked again.
//! Must not know: what it waits for.

use std::sync::{
    Arc, Mutex, MutexGuard, PoisonError,
    atomic::{AtomicUsize, Ordering},
};

use tokio::sync::mpsc;

use super::{
    tx::Tx,
    unit::{Failure, Unit},
};
use crate::store::StoreError;

/// Has all that stands asked again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
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

/// Where it stands between the transactions of the thread that it is with. A guest is another thread that asks it in a
/// transaction of its own.
#[derive(Clone, Default)]
pub(in crate::store) struct Shelf(Arc<Mutex<Shelved>>);

#[derive(Default)]
struct Shelved {
    units: Vec<Box<dyn Unit>>,
    /// A guest has what stood here.
    lent: bool,
    /// What was said to it meanwhile.
    said: Option<Nudge>,
    /// When it was asked last, nothing was limited or held back: guests may ask it, too.
    open: bool,
}

impl Shelved {
    fn is_to_lend(&self) -> bool {
        self.open && !self.lent && !self.units.is_empty()
    }
}

impl Shelf {
    fn shelved(&self) -> MutexGuard<'_, Shelved> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One thread's hold on what stands.
pub(in crate::store) struct Standing {
    shelf: Shelf,
    /// For a guest: the way to the thread that it is with.
    home: Option<Nudger>,
    units: Vec<Box<dyn Unit>>,
    /// The next transaction is to ask it, whatever else it does.
    ask: bool,
    let_go: bool,
    /// The last transaction has asked it.
    asked: bool,
}

impl Standing {
    /// `home`: for a guest, the way to the thread that it stands with.
    pub(in crate::store) fn new(shelf: Shelf, home: Option<Nudger>) -> Self {
        Self {
            shelf,
            home,
            units: Vec::new(),
            ask: false,
            let_go: false,
            asked: false,
        }
    }

    /// Takes what stands, and nudges, out of a batch.
    pub(in crate::store) fn take_in(&mut self, batch: &mut Vec<Box<dyn Unit>>) {
        (self.ask, self.let_go, self.asked) = (false, false, false);
        for unit in batch.extract_if(.., |unit| unit.is_standing()) {
            self.ask = true;
            match unit.nudge() {
                None => self.units.push(unit),
                Some(nudge) => self.let_go |= nudge == Nudge::LetGo,
            }
        }
        if self.ask {
            self.fetch();
        }
    }

    /// Whether a transaction is worth it for what stands alone.
    pub(in crate::store) fn is_to_be_asked(&self) -> bool {
        self.ask && !self.units.is_empty()
    }

    /// The oldest first. What a guest has is told when it is back.
    fn fetch(&mut self) {
        let mut shelved = self.shelf.shelved();
        if shelved.lent {
            let said = if self.let_go {
                Nudge::LetGo
            } else {
                Nudge::LookAgain
            };
            shelved.said = shelved.said.max(Some(said));
        }
        self.units.splice(0..0, shelved.units.drain(..));
    }

    /// At the end of a transaction: what is to be run in it, too. `came`: the transaction may have brought something.
    pub(in crate::store) fn asked(&mut self, came: bool) -> &mut [Box<dyn Unit>] {
        self.asked = self.ask || came;
        if !self.asked {
            return &mut [];
        }
        if !self.ask {
            self.fetch();
        }
        self.units.retain(|unit| unit.is_wanted());
        &mut self.units
    }

    /// The same for a guest: nothing, where it could not be asked as at home, or another guest has it.
    #[allow(dead_code, reason = "SQLite has one writer")]
    pub(in crate::store) fn borrowed(&mut self) -> &mut [Box<dyn Unit>] {
        let mut shelved = self.shelf.shelved();
        if shelved.is_to_lend() {
            shelved.lent = true;
            self.asked = true;
            self.units.append(&mut shelved.units);
            self.units.retain(|unit| unit.is_wanted());
        }
        &mut self.units
    }

    /// Whether a guest could borrow anything just now.
    #[allow(dead_code, reason = "SQLite has one writer")]
    pub(in crate::store) fn is_to_lend(&self) -> bool {
        self.shelf.shelved().is_to_lend()
    }

    pub(in crate::store) fn is_guest(&self) -> bool {
        self.home.is_some()
    }

    /// Whether places that runs leave are nothing to it: it has asked for nothing that has limits.
    #[allow(dead_code, reason = "SQLite has one writer")]
    pub(in crate::store) fn is_open(&self) -> bool {
        self.shelf.shelved().open
    }

    /// Whether the last transaction asked it.
    #[allow(dead_code, reason = "SQLite has one writer")]
    pub(in crate::store) fn was_asked(&self) -> bool {
        self.asked
    }

    /// Why units of it failed in the last transaction.
    #[allow(dead_code, reason = "SQLite's writer has no use for it")]
    pub(in crate::store) fn failures(&self) -> impl Iterator<Item = &StoreError> {
        self.units.iter().filter_map(|unit| unit.failure())
    }

    /// Whether guests may ask it from now on, as its own thread has seen in a transaction.
    #[allow(dead_code, reason = "SQLite has one writer")]
    pub(in crate::store) fn open(&self, open: bool) {
        if self.asked && !self.is_guest() {
            self.shelf.shelved().open = open && !self.units.is_empty();
        }
    }

    /// Something is limited or held back: guests had better leave it alone.
    #[allow(dead_code, reason = "SQLite has one writer")]
    pub(in crate::store) fn close(&self) {
        self.shelf.shelved().open = false;
    }

    /// After the transaction: what is to be answered. The rest stands again. A guest's failure is none of its own.
    pub(in crate::store) fn answered(&mut self, failed: bool) -> Vec<Box<dyn Unit>> {
        let (guest, asked) = (self.is_guest(), self.asked);
        let let_go = self.let_go || (guest && self.shelf.shelved().said == Some(Nudge::LetGo));
        let over = |unit: &mut Box<dyn Unit>| {
            if failed {
                !guest
            } else {
                asked && (let_go || unit.is_enough())
            }
        };
        let answered = self.units.extract_if(.., over).collect();
        self.put_back();
        answered
    }

    fn put_back(&mut self) {
        let mut shelved = self.shelf.shelved();
        // What a guest has is older than what came while it was lent.
        let place = if self.is_guest() {
            0
        } else {
            shelved.units.len()
        };
        shelved.units.splice(place..place, self.units.drain(..));
        if let Some(home) = self.home.as_ref().filter(|_| self.asked) {
            shelved.lent = false;
            self.asked = false;
            if let Some(said) = shelved.said.take() {
                home.say(said);
            }
        }
    }

    /// A guest's transaction failed: what it borrowed stands again.
    #[allow(dead_code, reason = "SQLite has one writer")]
    pub(in crate::store) fn give_back(&mut self) {
        if self.is_guest() {
            self.put_back();
        }
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
    /// Something may have come for what stands. Does not block: a thread that has more to do than it can keep is not told.
    pub(in crate::store) fn look_again(&self) {
        self.say(Nudge::LookAgain);
    }

    fn say(&self, nudge: Nudge) {
        if self.count.0.load(Ordering::SeqCst) > 0
            && let Some(queue) = self.queue.upgrade()
        {
            let _ = queue.try_send(Box::new(nudge));
        }
    }
}
