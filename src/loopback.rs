//! Addresses that every machine has for itself.

use url::{Host, Url};

/// Whether `url` leads to this machine, whatever it is called elsewhere: no proxy leads back
/// to it.
pub fn is_on_this_machine(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name.eq_ignore_ascii_case("localhost"),
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_of_this_machine_are_told_from_others() {
        let is_ours = |url: &str| is_on_this_machine(&url.parse().unwrap());
        for ours in
            ["http://localhost/", "https://LOCALHOST:8443/", "http://127.8.9.1/", "http://[::1]/"]
        {
            assert!(is_ours(ours), "{ours}");
        }
        for other in ["http://localhost.example/", "http://128.0.0.1/", "http://[::2]/", "unix:/a"]
        {
            assert!(!is_ours(other), "{other}");
        }
    }
}
