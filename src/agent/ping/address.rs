//! Where pings go: the address of a server, and a check there.

use secrecy::{ExposeSecret as _, SecretString};
use url::Url;

use super::Event;
use crate::check::Uuid;

/// The address of a check's pings. It holds a secret, and never shows it.
#[derive(Debug, Clone)]
pub struct Address {
    server: Url,
    handle: Handle,
}

/// How a check is named in an address.
#[derive(Debug, Clone)]
pub enum Handle {
    Uuid(SecretString),
    /// By the key of a project, or of a source of teawatch's. `create` makes the check where
    /// it is not known yet.
    Slug {
        key: SecretString,
        slug: String,
        create: bool,
    },
}

/// The address of a server is none that pings can go to.
#[derive(Debug, thiserror::Error)]
#[error(
    "pings need an http:// or https:// address, such as https://teawatch.example.org/ping or \
     https://hc-ping.com"
)]
pub struct NoAddress;

impl Address {
    /// The pings of a check at `server`, below which addresses begin with the check.
    pub fn new(server: &str, handle: Handle) -> Result<Self, NoAddress> {
        let mut server: Url = server.trim().parse().map_err(|_| NoAddress)?;
        if !matches!(server.scheme(), "http" | "https") {
            return Err(NoAddress);
        }
        server.set_query(None);
        server.set_fragment(None);
        Ok(Self { server, handle })
    }

    pub(super) fn server(&self) -> &Url {
        &self.server
    }

    /// Where an event of a run is told.
    pub(super) fn of(&self, event: Event, run: Option<Uuid>) -> Url {
        let mut url = self.server.clone();
        // Only addresses without a host refuse this.
        if let Ok(mut path) = url.path_segments_mut() {
            path.pop_if_empty();
            match &self.handle {
                Handle::Uuid(uuid) => path.push(uuid.expose_secret()),
                Handle::Slug { key, slug, .. } => path.push(key.expose_secret()).push(slug),
            };
            path.extend(event.action());
        }
        let create = matches!(self.handle, Handle::Slug { create: true, .. });
        let create = create.then(|| "1".to_owned());
        for (name, value) in [("create", create), ("rid", run.map(|run| run.to_string()))] {
            if let Some(value) = value {
                url.query_pairs_mut().append_pair(name, &value);
            }
        }
        url
    }

    /// The address as it may be told: the key and the UUID are secrets.
    pub(super) fn shown(&self) -> String {
        self.server.origin().ascii_serialization()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn slug(server: &str, create: bool) -> Address {
        let handle = Handle::Slug { key: "web1.KEY".into(), slug: "backup".to_owned(), create };
        Address::new(server, handle).unwrap()
    }

    #[test]
    fn an_address_is_put_together_as_healthchecks_reads_it() {
        let uuid = Address::new("https://hc-ping.com", Handle::Uuid("u-u".into())).unwrap();
        let run = Uuid::of([7; 16]);
        let rid = format!("rid={run}");
        for (address, event, run, url) in [
            (&uuid, Event::Success, None, "https://hc-ping.com/u-u".to_owned()),
            (&uuid, Event::Start, Some(run), format!("https://hc-ping.com/u-u/start?{rid}")),
            (
                &slug("http://h/ping", false),
                Event::Fail,
                None,
                "http://h/ping/web1.KEY/backup/fail".to_owned(),
            ),
            (
                &slug("http://h/ping/?x#y", false),
                Event::Log,
                None,
                "http://h/ping/web1.KEY/backup/log".to_owned(),
            ),
            (
                &slug("http://h/a/ping/", true),
                Event::Exited(7),
                Some(run),
                format!("http://h/a/ping/web1.KEY/backup/7?create=1&{rid}"),
            ),
        ] {
            assert_eq!(address.of(event, run).as_str(), url);
        }
    }

    #[test]
    fn what_would_lead_elsewhere_in_a_name_does_not() {
        let handle = Handle::Uuid("../x?y=z#/é".into());
        let url = Address::new("http://h/ping", handle).unwrap().of(Event::Start, None);
        assert_eq!(url.as_str(), "http://h/ping/..%2Fx%3Fy=z%23%2F%C3%A9/start");
    }

    #[test]
    fn what_is_shown_holds_no_secret() {
        let address = slug("https://me:hunter2@h:8443/hunter3/ping", true);
        assert_eq!(address.shown(), "https://h:8443");
        assert!(!format!("{:?}", address.handle).contains("KEY"));
        assert!(["", "h/ping", "ftp://h/", "https://:hunter2"].iter().all(|server| {
            let error = Address::new(server, Handle::Uuid("u".into())).unwrap_err();
            !error.to_string().contains("hunter")
        }));
    }
}
