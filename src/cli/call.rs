//! Commands that ask a running server, and how their answers are shown.

use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context as _, bail};
use reqwest::Method;
use secrecy::{ExposeSecret as _, SecretString};
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::config::Caller;
use crate::engine::Page;
use crate::gitea;

/// The server answers from memory; longer than this it is not at work.
const TIMEOUT: Duration = Duration::from_secs(10);

/// A way to the server.
pub(super) struct Server {
    caller: Caller,
    client: reqwest::Client,
}

impl Server {
    pub(super) fn new(caller: Caller) -> anyhow::Result<Self> {
        gitea::install_crypto();
        let mut client = reqwest::Client::builder().timeout(TIMEOUT).no_proxy();
        if caller.server.scheme() == "http" {
            // Without TLS no certificates are needed, and some machines have none.
            client = client.tls_certs_only([]);
        }
        let client = client.build().context("cannot set up HTTP")?;
        Ok(Self { caller, client })
    }

    /// A path below the server's address, each part of it encoded.
    pub(super) fn path(parts: &[&str]) -> String {
        let mut url = url::Url::parse("http://localhost/").expect("this is an address");
        url.path_segments_mut().expect("it has a path").pop_if_empty().extend(parts);
        url.path().trim_start_matches('/').to_owned()
    }

    /// Everything that a list has, page after page.
    pub(super) async fn list<T: DeserializeOwned>(&self, path: &str) -> anyhow::Result<Vec<T>> {
        let mut items = Vec::new();
        let mut after: Option<String> = None;
        loop {
            let mut query = vec![("limit", "500".to_owned())];
            query.extend(after.take().map(|after| ("after", after)));
            let page: Page<T> = self.get(path, &query).await?;
            items.extend(page.items);
            match page.next {
                Some(next) => after = Some(next),
                None => return Ok(items),
            }
        }
    }

    pub(super) async fn get<T: DeserializeOwned>(
        &self,
        path: &str,
        query: &[(&str, String)],
    ) -> anyhow::Result<T> {
        let api = &self.caller.api;
        let token = api.read_token.as_ref().or(api.write_token.as_ref());
        let answer = self.send(Method::GET, path, query, token).await?;
        serde_json::from_value(answer).context("the server's answer makes no sense")
    }

    pub(super) async fn change(&self, method: Method, path: &str) -> anyhow::Result<Value> {
        self.send(method, path, &[], self.caller.api.write_token.as_ref()).await
    }

    async fn send(
        &self,
        method: Method,
        path: &str,
        query: &[(&str, String)],
        token: Option<&SecretString>,
    ) -> anyhow::Result<Value> {
        let url = self.caller.server.join(path).context("the address cannot be used")?;
        let mut request = self.client.request(method, url).query(query);
        if let Some(token) = token {
            request = request.bearer_auth(token.expose_secret());
        }
        let server = &self.caller.server;
        let answer = request.send().await.with_context(|| {
            format!("cannot reach teawatch at {server}: is `teawatch serve` running?")
        })?;
        let status = answer.status();
        let body: Value = answer
            .json()
            .await
            .with_context(|| format!("{server} answered {status}, and not as teawatch does"))?;
        if !status.is_success() {
            let error = &body["error"];
            let text = |key: &str| error[key].as_str().unwrap_or("?").to_owned();
            bail!("{} ({})", text("message"), text("hint"));
        }
        Ok(body)
    }
}

/// Rows under a head, in columns as wide as they need to be.
pub(super) fn table(head: &[&str], rows: &[Vec<String>]) -> String {
    let mut widths: Vec<usize> = head.iter().map(|cell| cell.chars().count()).collect();
    for row in rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = (*width).max(cell.chars().count());
        }
    }
    let line = |cells: Vec<&str>| {
        let cells = cells.iter().zip(&widths).map(|(cell, width)| format!("{cell:width$}"));
        format!("{}\n", cells.collect::<Vec<_>>().join("  ").trim_end())
    };
    let mut text = line(head.to_vec());
    for row in rows {
        text.push_str(&line(row.iter().map(String::as_str).collect()));
    }
    text
}

/// Text from outside, on one line of a terminal, without its control characters and
/// without those that turn the direction of what stands beside them.
pub(super) fn plain(text: &str) -> String {
    let breaks_the_row = |c: char| {
        c.is_control()
            || matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}')
            || matches!(c, '\u{2066}'..='\u{2069}')
    };
    text.chars().map(|c| if breaks_the_row(c) { ' ' } else { c }).collect()
}

/// The end of a command that went well.
pub(super) fn done() -> anyhow::Result<ExitCode> {
    Ok(ExitCode::SUCCESS)
}
