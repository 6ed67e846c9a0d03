//! Filled by the first wave.
