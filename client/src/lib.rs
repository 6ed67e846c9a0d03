//! Typed async client of a Lockstep server, generated from its `openapi.yaml`.

#[expect(clippy::all, reason = "generated")]
pub mod types {
    include!(concat!(env!("OUT_DIR"), "/types.rs"));
}

mod generated {
    include!(concat!(env!("OUT_DIR"), "/client.rs"));
}

pub use generated::*;
