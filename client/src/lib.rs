//! Owns how Rust programs call a Lockstep server. Must not know: the server's code.
//!
#![doc = include_str!("../README.md")]
//!
//! # Where things are
//! - [`Lockstep`]: address, token and timeouts; gives a [`Client`].
//! - [`Client`]: one method per operation. Each gives a builder from [`builder`]; `send()` calls the server, and
//!   `stream()` of a paginated one walks all pages.
//! - [`types`]: what the contract calls its schemas. Bounded strings are types of their own, made by `try_from`.
//! - [`Error`]: why a call failed; [`api_error`] and [`retry_after`] read what the server said.
//!
//! `types` and `Client` are generated from `openapi.yaml` by the build script; the rest is written by hand.

mod answer;
mod connect;

#[expect(clippy::all, reason = "generated")]
/// Wire types. The parameters of an operation are a type as well: `ListUsersQuery`.
pub mod types {
    include!(concat!(env!("OUT_DIR"), "/types.rs"));
}

mod generated {
    //! The client as Progenitor writes it, its types being those of the crate.
    include!(concat!(env!("OUT_DIR"), "/client.rs"));
}

pub use answer::{api_error, retry_after};
pub use connect::{ConnectError, Lockstep};
pub use generated::{ByteStream, Client, ClientInfo, Error, ResponseValue, builder};
