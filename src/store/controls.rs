//! Owns the store's interface to what operators order: pauses and limits.
//! Must not know: how an engine does it.

use super::{Store, StoreError, ask};
use crate::model::{Control, ControlKind, ControlLimits};

impl Store {
    /// All orders that hold.
    pub async fn controls(&self) -> Result<Vec<Control>, StoreError> {
        ask!(self, controls().await)
    }

    /// Nothing of the queue or type is started any more, in any process, until [`Store::control_resume`]. What runs goes on.
    pub async fn control_pause(
        &self,
        kind: ControlKind,
        name: String,
        reason: Option<String>,
        by: Option<String>,
    ) -> Result<Control, StoreError> {
        let pause = Some((reason, by));
        ask!(self, control_pause(kind, name, pause).await)
    }

    /// Ends a pause; nothing happens without one.
    pub async fn control_resume(
        &self,
        kind: ControlKind,
        name: String,
    ) -> Result<Control, StoreError> {
        ask!(self, control_pause(kind, name, None).await)
    }

    /// Limits in place of the declared ones. All at once: what is `None` is as declared again.
    pub async fn control_limit(
        &self,
        kind: ControlKind,
        name: String,
        limits: ControlLimits,
    ) -> Result<Control, StoreError> {
        ask!(self, control_limit(kind, name, limits).await)
    }
}
