//! Owns how often one caller may call: a token bucket each, by token or by address.
//! Must not know: operations.

use std::{net::IpAddr, num::NonZeroU32};

use governor::{
    DefaultKeyedRateLimiter, Quota,
    clock::{Clock, DefaultClock},
};

use super::{auth::Caller, reply::Failure};
use crate::contract::types::ErrorCode;

/// Requests per second and caller; bursts of the same size. `None` is no limit.
#[derive(Debug)]
pub(super) struct RateLimit(Option<DefaultKeyedRateLimiter<(IpAddr, Caller)>>);

impl RateLimit {
    /// 0 is no limit.
    pub(super) fn new(per_second: u32) -> Self {
        let quota = NonZeroU32::new(per_second).map(Quota::per_second);
        Self(quota.map(DefaultKeyedRateLimiter::keyed))
    }

    pub(super) fn check(&self, from: IpAddr, caller: Caller) -> Result<(), Failure> {
        let Some(limiter) = &self.0 else {
            return Ok(());
        };
        limiter.check_key(&(from, caller)).map_err(|refused| {
            let wait = refused.wait_time_from(DefaultClock::default().now());
            // Whole seconds, rounded up: that is what Retry-After can say.
            let seconds = wait.as_millis().div_ceil(1000).max(1);
            Failure::new(
                429,
                ErrorCode::RateLimited,
                "too many requests: come back later",
            )
            .header("retry-after", seconds.to_string())
        })
    }
}
