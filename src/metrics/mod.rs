//! Owns the counters and histograms that `/metrics` shows. Keeps the seed's names.
//! Must not know: who counts, or how it is served.

mod labels;
mod requests;
mod series;

pub use series::Metrics;
