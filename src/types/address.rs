//! Addresses of nodes: one form for each, where nobody can be, and which of them are close to each other.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

/// Why nobody can be reached at an address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Unreachable {
    /// Port 0 means any port, to whoever listens.
    #[error("nobody listens on port 0")]
    Port,
    /// `0.0.0.0` and `[::]` mean every address, to whoever listens.
    #[error("0.0.0.0 and [::] are every address of a machine: name one of them, such as 127.0.0.1")]
    Unspecified,
    /// Many machines at once.
    #[error("a multicast address is no machine's own")]
    Multicast,
    /// 255.255.255.255.
    #[error("a broadcast address is no machine's own")]
    Broadcast,
}

/// The one form of an address: IPv4 is not written as IPv6 (::ffff:1.2.3.4), or the same place would have
/// two names, and twice its share of everything.
pub fn canonical(address: SocketAddr) -> SocketAddr {
    match address {
        SocketAddr::V6(v6) => match v6.ip().to_ipv4_mapped() {
            Some(ip) => SocketAddr::new(IpAddr::V4(ip), v6.port()),
            None => address,
        },
        SocketAddr::V4(_) => address,
    }
}

/// The one form of an address that a node may be reached at.
pub fn reachable(address: SocketAddr) -> Result<SocketAddr, Unreachable> {
    let address = canonical(address);
    let ip = address.ip();
    if address.port() == 0 {
        return Err(Unreachable::Port);
    }
    if ip.is_unspecified() {
        return Err(Unreachable::Unspecified);
    }
    if ip.is_multicast() {
        return Err(Unreachable::Multicast);
    }
    match ip {
        IpAddr::V4(ip) if ip.is_broadcast() => Err(Unreachable::Broadcast),
        _ => Ok(address),
    }
}

/// Where programs of this machine reach whoever listens at `listen`, which may be all of its addresses.
pub fn from_here(listen: SocketAddr) -> SocketAddr {
    let ip = match listen.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => IpAddr::V4(Ipv4Addr::LOCALHOST),
        IpAddr::V6(ip) if ip.is_unspecified() => IpAddr::V6(Ipv6Addr::LOCALHOST),
        ip => ip,
    };
    SocketAddr::new(ip, listen.port())
}

/// The network that an address is in, as far as its number tells: what one operator can easily have all of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Group {
    /// This machine.
    Loopback,
    /// A /16.
    V4([u8; 2]),
    /// A /32.
    V6([u8; 4]),
}

impl Group {
    /// The group of `ip`.
    pub fn of(ip: IpAddr) -> Group {
        match ip.to_canonical() {
            ip if ip.is_loopback() => Group::Loopback,
            IpAddr::V4(ip) => {
                let [a, b, ..] = ip.octets();
                Group::V4([a, b])
            }
            IpAddr::V6(ip) => {
                let [a, b, c, d, ..] = ip.octets();
                Group::V6([a, b, c, d])
            }
        }
    }
}

/// What counts as one host: an IPv4 address, or the /64 that any IPv6 host has all of.
pub fn host(ip: IpAddr) -> IpAddr {
    match ip.to_canonical() {
        IpAddr::V6(ip) if !ip.is_loopback() => {
            IpAddr::V6(Ipv6Addr::from_bits(ip.to_bits() & !u128::from(u64::MAX)))
        }
        ip => ip,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> SocketAddr {
        text.parse().expect("an address")
    }

    #[test]
    fn where_nobody_can_be_is_known_in_every_form() {
        let rows = [
            ("127.0.0.1:6000", Ok("127.0.0.1:6000")),
            ("[::ffff:10.1.2.3]:6000", Ok("10.1.2.3:6000")),
            ("[2001:db8::7]:1", Ok("[2001:db8::7]:1")),
            ("10.0.0.1:0", Err(Unreachable::Port)),
            ("0.0.0.0:1", Err(Unreachable::Unspecified)),
            ("[::]:1", Err(Unreachable::Unspecified)),
            ("[::ffff:0.0.0.0]:1", Err(Unreachable::Unspecified)),
            ("224.0.0.1:1", Err(Unreachable::Multicast)),
            ("[ff02::1]:1", Err(Unreachable::Multicast)),
            ("255.255.255.255:1", Err(Unreachable::Broadcast)),
            ("[::ffff:255.255.255.255]:1", Err(Unreachable::Broadcast)),
        ];
        for (text, said) in rows {
            assert_eq!(reachable(at(text)), said.map(at), "{text}");
        }
    }

    /// Row 58 of docs/hostile.md.
    #[test]
    fn neighbours_share_a_group_and_one_host_is_one_host() {
        let group = |text: &str| Group::of(text.parse().expect("an address"));
        assert_eq!(group("10.1.2.3"), group("10.1.200.1"));
        assert_eq!(group("::ffff:10.1.2.3"), group("10.1.2.3"));
        assert_ne!(group("10.1.2.3"), group("10.2.2.3"));
        assert_eq!(group("2001:db8::1"), group("2001:db8:ffff::1"));
        assert_ne!(group("2001:db8::1"), group("2001:db9::1"));
        assert_eq!((group("127.0.0.9"), group("::1")), (Group::Loopback, Group::Loopback));
        let host = |text: &str| host(text.parse().expect("an address"));
        assert_eq!(host("2001:db8:1:2:3::4"), host("2001:db8:1:2:ffff::1"));
        assert_ne!(host("2001:db8:1:2::1"), host("2001:db8:1:3::1"));
        assert_eq!(host("::ffff:10.0.0.1"), host("10.0.0.1"));
        assert_ne!(host("10.0.0.1"), host("10.0.0.2"));
    }
}
