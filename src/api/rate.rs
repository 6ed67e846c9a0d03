//! Owns how often one caller may call: a token bucket each, by token or by address.
//! Must not know: operations.

use std::{
    net::{IpAddr, Ipv6Addr},
    num::NonZeroU32,
    sync::atomic::{AtomicU32, Ordering},
};

use governor::{
    DefaultKeyedRateLimiter, Quota,
    clock::{Clock, DefaultClock},
};

use super::{auth::Caller, error::too_often, reply::Failure};

/// After so many requests, callers that have been quiet for a while are forgotten: memory follows who calls now.
const SWEEP: u32 = 4096;

/// Requests per second and caller; bursts of the same size.
#[derive(Debug)]
pub(super) struct RateLimit(Option<Buckets>);

#[derive(Debug)]
struct Buckets {
    limiter: DefaultKeyedRateLimiter<(IpAddr, Caller)>,
    checked: AtomicU32,
}

impl RateLimit {
    /// 0 is no limit.
    pub(super) fn new(per_second: u32) -> Self {
        let quota = NonZeroU32::new(per_second).map(Quota::per_second);
        Self(quota.map(|quota| Buckets {
            limiter: DefaultKeyedRateLimiter::keyed(quota),
            checked: AtomicU32::new(0),
        }))
    }

    pub(super) fn check(&self, from: IpAddr, caller: Caller) -> Result<(), Failure> {
        let Some(buckets) = &self.0 else {
            return Ok(());
        };
        if buckets.checked.fetch_add(1, Ordering::Relaxed) % SWEEP == SWEEP - 1 {
            buckets.limiter.retain_recent();
        }
        let checked = buckets.limiter.check_key(&(network(from), caller));
        checked.map_err(|refused| too_often(refused.wait_time_from(DefaultClock::default().now())))
    }
}

/// One household or host has 2^64 addresses of version 6: they share a bucket.
fn network(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V4(_) => address,
        IpAddr::V6(v6) => v6.to_ipv4_mapped().map_or_else(
            || Ipv6Addr::from_bits(v6.to_bits() & !u128::from(u64::MAX)).into(),
            IpAddr::V4,
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(number: u32) -> IpAddr {
        std::net::Ipv4Addr::from_bits(number).into()
    }

    #[test]
    fn callers_have_buckets_of_their_own() {
        let limit = RateLimit::new(1);
        let (one, two) = (Some([1; 32]), Some([2; 32]));
        assert!(limit.check(address(1), None).is_ok());
        assert_eq!(limit.check(address(1), None).unwrap_err().status, 429);
        assert!(limit.check(address(1), one).is_ok());
        assert!(limit.check(address(1), two).is_ok());
        assert!(limit.check(address(2), None).is_ok());
        assert!(limit.check(address(1), one).is_err());
    }

    #[test]
    fn addresses_of_one_network_share_a_bucket() {
        let limit = RateLimit::new(1);
        let check = |text: &str| limit.check(text.parse().unwrap(), None).is_ok();
        assert!(check("2001:db8::1"));
        assert!(!check("2001:db8::ffff:2"));
        assert!(check("2001:db8:0:1::1"));
        assert!(check("192.0.2.1"));
        assert!(!check("::ffff:192.0.2.1"));
    }

    #[test]
    fn quiet_callers_are_forgotten() {
        // At this rate a bucket is as good as new after a microsecond.
        let limit = RateLimit::new(1_000_000);
        for number in 0..10 * SWEEP {
            assert!(limit.check(address(number), None).is_ok());
        }
        let known = limit.0.as_ref().unwrap().limiter.len();
        assert!(known <= 2 * SWEEP as usize, "{known}");
    }

    #[test]
    fn zero_is_no_limit() {
        let limit = RateLimit::new(0);
        assert!((0..1000).all(|_| limit.check(address(1), None).is_ok()));
    }
}
