//! Owns the generator: openapi.yaml → Rust. Compiled by both build scripts and by the golden tests; must not know the rest of this crate.
