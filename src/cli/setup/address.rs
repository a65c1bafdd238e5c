//! Where Gitea's webhook is to point, and whether it gets there.

use std::net::IpAddr;
use std::time::Duration;

use url::{Host, Url};

use super::finding::State;
use crate::config::Config;
use crate::loopback::is_on_this_machine;

/// Below the server's address.
const DOOR: &str = "webhooks/gitea";

/// A name that is not known by then is not known.
const LOOKUP_PATIENCE: Duration = Duration::from_secs(5);

/// How far an address can be reached from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::cli) enum Reach {
    /// From its own machine.
    Loopback,
    /// From its own network.
    Private,
    /// From everywhere, as far as can be told.
    Anywhere,
}

/// Where a webhook is to point: below `public_url`, or at the server's own address where
/// Gitea runs on this machine too. Nothing where that cannot be known.
pub(in crate::cli) fn hook_address(config: &Config) -> Option<Url> {
    let own = || format!("http://{}/", config.listen).parse().ok();
    let base = match &config.public_url {
        Some(url) => Some(url.clone()),
        None => own().filter(|_: &Url| {
            is_on_this_machine(&config.gitea.url) && !config.listen.ip().is_unspecified()
        }),
    };
    base?.join(DOOR).ok()
}

/// What keeps, or may keep, Gitea from calling the address, and what to do about it.
pub(in crate::cli) async fn doubts(gitea: &Url, hook: &Url) -> Option<(State, String, String)> {
    let (reach, key) = match Reach::of(hook).await {
        Reach::Anywhere => return None,
        Reach::Loopback => (Reach::Loopback, "loopback"),
        Reach::Private => (Reach::Private, "private"),
    };
    if reach == Reach::Loopback && Reach::of(gitea).await != Reach::Loopback {
        return Some((
            State::Fault,
            format!("{hook} is this machine, and Gitea runs on another, so it would call itself"),
            "set `public_url` to the address by which Gitea's machine reaches teawatch".to_owned(),
        ));
    }
    Some((
        State::Warning,
        format!(
            "{hook} is a {key} address, and Gitea calls such addresses only if its \
             ALLOWED_HOST_LIST names them"
        ),
        format!(
            "in Gitea's app.ini, section [webhook] (from 1.27 on [security]): \
             ALLOWED_HOST_LIST = external,{key}"
        ),
    ))
}

impl Reach {
    async fn of(url: &Url) -> Self {
        if is_on_this_machine(url) {
            return Self::Loopback;
        }
        let addresses: Vec<IpAddr> = match url.host() {
            Some(Host::Ipv4(address)) => vec![address.into()],
            Some(Host::Ipv6(address)) => vec![address.into()],
            Some(Host::Domain(name)) => {
                let port = url.port_or_known_default().unwrap_or_default();
                let found = tokio::net::lookup_host((name.to_owned(), port));
                match tokio::time::timeout(LOOKUP_PATIENCE, found).await {
                    Ok(Ok(found)) => found.map(|address| address.ip()).collect(),
                    Ok(Err(_)) | Err(_) => Vec::new(),
                }
            }
            None => Vec::new(),
        };
        let reaches = addresses.into_iter().map(Self::of_address);
        reaches.fold(Self::Anywhere, |all, one| match (all, one) {
            (Self::Loopback, _) | (_, Self::Loopback) => Self::Loopback,
            (Self::Private, _) | (_, Self::Private) => Self::Private,
            _ => Self::Anywhere,
        })
    }

    fn of_address(address: IpAddr) -> Self {
        let is_private = match address {
            IpAddr::V4(address) => address.is_private() || address.is_link_local(),
            IpAddr::V6(address) => address.is_unique_local() || address.is_unicast_link_local(),
        };
        match (address.is_loopback(), is_private) {
            (true, _) => Self::Loopback,
            (_, true) => Self::Private,
            _ => Self::Anywhere,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_hook_that_gitea_may_not_call_is_doubted() {
        let doubts = async |gitea: &str, hook: &str| {
            doubts(&gitea.parse().unwrap(), &hook.parse().unwrap()).await
        };
        let (here, there) = ("http://127.0.0.1:3000/", "http://203.0.113.7/");
        let (state, says, fix) =
            doubts(here, "http://localhost:8710/webhooks/gitea").await.unwrap();
        assert_eq!(state, State::Warning);
        assert!(says.contains("loopback") && fix.ends_with("external,loopback"), "{says} {fix}");
        for lan in ["http://10.1.2.3/", "http://192.168.0.9/", "http://[fd00::1]/"] {
            let (_, _, fix) = doubts(there, lan).await.unwrap();
            assert!(fix.ends_with("external,private"), "{fix}");
        }
        let (state, says, fix) = doubts(there, "http://127.0.0.1:8710/").await.unwrap();
        assert_eq!(state, State::Fault);
        assert!(says.contains("would call itself") && fix.contains("`public_url`"), "{says}");
        assert_eq!(doubts(here, "https://198.51.100.1/").await, None);
    }
}
