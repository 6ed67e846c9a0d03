//! Owns `lockstep health`.
//! Must not know: what makes a server healthy.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use super::{Failure, Output, Rows, failure::with_causes, server::Server};
use crate::config::Config;

/// Asks the server at `url`, or the configured one.
pub(super) async fn run(
    url: Option<String>,
    config: &Config,
    output: &mut Output,
) -> Result<(), Failure> {
    let url = url.unwrap_or_else(|| format!("http://{}", reachable(config.address())));
    let server = Server::new(&url, None)?;
    match server.client().get_health().send().await {
        Ok(health) => output.show(&health.into_inner(), |health| {
            Rows::pairs([
                ("status", health.status.to_string()),
                ("database", health.database.to_string()),
                ("pending", health.jobs.pending.to_string()),
                ("processing", health.jobs.processing.to_string()),
                ("failed", health.jobs.failed.to_string()),
            ])
        }),
        Err(lockstep_client::Error::ErrorResponse(answer)) => {
            let unhealthy = answer.into_inner();
            Err(Failure::No(format!("unhealthy: {}", *unhealthy.error)))
        }
        Err(error) => Err(Failure::Unreachable(format!(
            "{url} does not answer as a Lockstep server: {}",
            with_causes(&error)
        ))),
    }
}

/// Where something that listens on `address` can be reached from this machine.
fn reachable(mut address: SocketAddr) -> SocketAddr {
    if address.ip().is_unspecified() {
        address.set_ip(match address.ip() {
            IpAddr::V4(_) => Ipv4Addr::LOCALHOST.into(),
            IpAddr::V6(_) => Ipv6Addr::LOCALHOST.into(),
        });
    }
    address
}
