//! How often a client may ask, if the operator says so.
//!
//! Invariant: what is remembered of clients is bounded by those who asked since housekeeping last was.

use crate::ethereum::LIMIT_EXCEEDED;
use governor::{DefaultKeyedRateLimiter, Quota, RateLimiter};
use jsonrpsee::types::ErrorObjectOwned;
use std::net::{IpAddr, Ipv6Addr};
use std::num::NonZeroU32;

/// Requests of each client, told apart by address.
pub struct Rate {
    per_second: NonZeroU32,
    clients: DefaultKeyedRateLimiter<IpAddr>,
}

impl Rate {
    /// So many requests a second, and as many at once after a pause.
    pub fn new(per_second: NonZeroU32) -> Self {
        Rate { per_second, clients: RateLimiter::keyed(Quota::per_second(per_second)) }
    }

    /// Counts a request.
    ///
    /// # Errors
    /// It is one too many.
    pub fn count(&self, client: IpAddr) -> Result<(), ErrorObjectOwned> {
        self.clients.check_key(&who(client)).map_err(|_| {
            let text = format!("more than {} requests a second from {client}", self.per_second);
            ErrorObjectOwned::owned(LIMIT_EXCEEDED, text, None::<()>)
        })
    }

    /// Forgets clients who may ask as often as anybody new.
    pub fn forget(&self) {
        self.clients.retain_recent();
        self.clients.shrink_to_fit();
    }
}

/// Who has an IPv6 address has all of its network, of 64 bits at least (RFC 4291).
fn who(client: IpAddr) -> IpAddr {
    match client.to_canonical() {
        IpAddr::V6(address) => Ipv6Addr::from_bits(address.to_bits() >> 64 << 64).into(),
        v4 => v4,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_client_has_its_own_rate_and_a_network_is_one_client() {
        let rate = Rate::new(NonZeroU32::new(3).expect("not zero"));
        let count = |client: &str| {
            let client = client.parse().expect("an address");
            (0..5).filter(|_| rate.count(client).is_ok()).count()
        };
        assert_eq!(count("192.0.2.1"), 3);
        assert_eq!((count("192.0.2.2"), count("::ffff:192.0.2.1")), (3, 0));
        assert_eq!(
            (count("2001:db8::1"), count("2001:db8::2"), count("2001:db8:0:1::")),
            (3, 0, 3)
        );
    }
}
