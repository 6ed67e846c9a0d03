//! The generator by itself: golden outputs, refusals with their places, fingerprints.

mod fingerprints;
mod golden;
mod patterns;
mod refusals;
mod texts;

#[path = "../../../src/codegen/mod.rs"]
#[allow(
    dead_code,
    unreachable_pub,
    unused_imports,
    reason = "shared with the build scripts, each of which uses a part"
)]
mod generator;

/// A small document that uses every part of the style once.
const SMALL: &str = include_str!("../golden/small.yaml");
