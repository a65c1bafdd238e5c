//! Commands that ask a running server, and how their answers are shown.

use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context as _, anyhow};
use reqwest::{Method, RequestBuilder};
use secrecy::{ExposeSecret as _, SecretString};
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::config::Caller;
use crate::engine::Page;
use crate::gitea;

/// The server answers from memory; longer than this it is not at work.
const TIMEOUT: Duration = Duration::from_secs(10);

/// The same for each piece of a long answer, which comes from its disk.
const PIECE_TIMEOUT: Duration = Duration::from_secs(60);

/// No answer takes longer.
const LONG_TIMEOUT: Duration = Duration::from_secs(24 * 60 * 60);

/// A way to the server.
pub(super) struct Server {
    caller: Caller,
    client: reqwest::Client,
}

impl Server {
    pub(super) fn new(caller: Caller) -> anyhow::Result<Self> {
        gitea::install_crypto();
        let mut client =
            reqwest::Client::builder().timeout(TIMEOUT).read_timeout(PIECE_TIMEOUT).no_proxy();
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
        let request = self.request(Method::GET, path, self.read_token())?.query(query);
        serde_json::from_value(self.json(request).await?)
            .context("the server's answer makes no sense")
    }

    /// What the server says of itself, well or not.
    pub(super) async fn readiness(&self) -> anyhow::Result<Value> {
        let answer = self.send(self.request(Method::GET, "readyz", None)?).await?;
        self.body(answer).await
    }

    /// An answer that may be long, and is not JSON.
    pub(super) async fn read(&self, path: &str) -> anyhow::Result<reqwest::Response> {
        let request = self.request(Method::GET, path, self.read_token())?.timeout(LONG_TIMEOUT);
        let answer = self.send(request).await?;
        if answer.status().is_success() {
            return Ok(answer);
        }
        Err(refusal(&self.body(answer).await?))
    }

    pub(super) async fn change(&self, method: Method, path: &str) -> anyhow::Result<Value> {
        let token = self.caller.api.write_token.as_ref();
        self.json(self.request(method, path, token)?).await
    }

    /// The same as [`Self::get`] and [`Self::change`] for what the server has to read from its
    /// disk first.
    pub(super) async fn get_slowly<T: DeserializeOwned>(
        &self,
        path: &str,
        query: &[(&str, String)],
    ) -> anyhow::Result<T> {
        let request = self.request(Method::GET, path, self.read_token())?.query(query);
        self.slowly(request).await
    }

    pub(super) async fn post_slowly<T: DeserializeOwned>(&self, path: &str) -> anyhow::Result<T> {
        let token = self.caller.api.write_token.as_ref();
        self.slowly(self.request(Method::POST, path, token)?).await
    }

    async fn slowly<T: DeserializeOwned>(&self, request: RequestBuilder) -> anyhow::Result<T> {
        let answer = self.json(request.timeout(LONG_TIMEOUT)).await?;
        serde_json::from_value(answer).context("the server's answer makes no sense")
    }

    /// Tells the server what something is to be like, and returns it as the server describes
    /// it.
    pub(super) async fn tell(
        &self,
        method: Method,
        path: &str,
        asked: &Value,
    ) -> anyhow::Result<Value> {
        let token = self.caller.api.write_token.as_ref();
        self.json(self.request(method, path, token)?.json(asked)).await
    }

    /// What only those may see who may write.
    pub(super) async fn find(&self, path: &str) -> anyhow::Result<Value> {
        self.change(Method::GET, path).await
    }

    fn read_token(&self) -> Option<&SecretString> {
        let api = &self.caller.api;
        api.read_token.as_ref().or(api.write_token.as_ref())
    }

    fn request(
        &self,
        method: Method,
        path: &str,
        token: Option<&SecretString>,
    ) -> anyhow::Result<RequestBuilder> {
        let url = self.caller.server.join(path).context("the address cannot be used")?;
        let request = self.client.request(method, url);
        Ok(match token {
            Some(token) => request.bearer_auth(token.expose_secret()),
            None => request,
        })
    }

    async fn json(&self, request: RequestBuilder) -> anyhow::Result<Value> {
        let answer = self.send(request).await?;
        let is_success = answer.status().is_success();
        let body = self.body(answer).await?;
        if is_success { Ok(body) } else { Err(refusal(&body)) }
    }

    async fn send(&self, request: RequestBuilder) -> anyhow::Result<reqwest::Response> {
        let server = &self.caller.server;
        request.send().await.with_context(|| {
            format!("cannot reach teawatch at {server}: is `teawatch serve` running?")
        })
    }

    async fn body(&self, answer: reqwest::Response) -> anyhow::Result<Value> {
        let (server, status) = (&self.caller.server, answer.status());
        let body = answer.json().await;
        body.with_context(|| format!("{server} answered {status}, and not as teawatch does"))
    }
}

/// Why the server did not do what was asked.
fn refusal(body: &Value) -> anyhow::Error {
    let error = &body["error"];
    let text = |key: &str| error[key].as_str().unwrap_or("?");
    anyhow!("{} ({})", text("message"), text("hint"))
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
