//! Owns the labels of the metrics, and that no label takes unboundedly many values.
//! Must not know: which metric has which label.

use std::{
    collections::HashSet,
    sync::{Arc, PoisonError, RwLock},
};

use prometheus_client::encoding::{EncodeLabelSet, EncodeLabelValue, LabelValueEncoder};

/// Most values of one label; what comes later is counted as [`OTHER`].
const MOST_VALUES: usize = 200;
const OTHER: &str = "other";

/// A label's value, shared by all series that carry it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Text(Arc<str>);

impl EncodeLabelValue for Text {
    fn encode(&self, encoder: &mut LabelValueEncoder<'_>) -> Result<(), std::fmt::Error> {
        EncodeLabelValue::encode(&&*self.0, encoder)
    }
}

/// The values that one label has taken so far.
#[derive(Debug, Default)]
pub(super) struct Bounded(RwLock<HashSet<Arc<str>>>);

impl Bounded {
    /// `value` as a label, or `other` when too many different ones came before it.
    pub(super) fn label(&self, value: &str) -> Text {
        let known = self.0.read().unwrap_or_else(PoisonError::into_inner);
        if let Some(label) = known.get(value) {
            return Text(Arc::clone(label));
        }
        drop(known);
        let mut known = self.0.write().unwrap_or_else(PoisonError::into_inner);
        let value = if known.len() < MOST_VALUES {
            value
        } else {
            OTHER
        };
        let label = known
            .get(value)
            .map_or_else(|| Arc::from(value), Arc::clone);
        known.insert(Arc::clone(&label));
        Text(label)
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct JobLabel {
    pub(super) job_type: Text,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct JobAndStatus {
    pub(super) job_type: Text,
    pub(super) status: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, EncodeLabelSet)]
pub(super) struct Request {
    pub(super) operation: &'static str,
    pub(super) status: u16,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct Operation {
    pub(super) operation: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct Component {
    pub(super) component: &'static str,
}
