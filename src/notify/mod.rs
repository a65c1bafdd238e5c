//! Whom teawatch tells of itself: those who watch over it.
//!
//! A [`DeadMan`] outside raises the alarm when teawatch no longer pings it; [`Systemd`], which
//! started the process, restarts it when its engine hangs; a [`Fallback`] channel says
//! that Gitea cannot be told anything.

mod dead_man;
mod fallback;
mod systemd;

use std::time::Duration;

use reqwest::redirect::Policy;
use url::Url;

pub use self::dead_man::DeadMan;
pub use self::fallback::{Fallback, Pace, Sent, Service, Word, learn, step};
pub use self::systemd::{Systemd, watchdog};

/// What calls an address of somebody outside, and waits for so long. `proxies` says whether
/// those of the environment are used.
///
/// A redirect is an answer like others: following it would turn a message into a question,
/// take a page that asks for a login for a success, and carry a secret elsewhere.
pub fn client(url: &Url, timeout: Duration, proxies: bool) -> reqwest::ClientBuilder {
    let mut client = reqwest::Client::builder().timeout(timeout).redirect(Policy::none());
    if !proxies {
        client = client.no_proxy();
    }
    if url.scheme() == "http" {
        // Without TLS no certificates are needed, and some machines have none.
        client = client.tls_certs_only([]);
    }
    client
}
