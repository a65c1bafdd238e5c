//! One Gitea, one token: builds requests, reads answers.

use std::fmt;
use std::sync::Arc;

use http::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HeaderValue, LOCATION};
use http::{HeaderMap, Method, StatusCode};
use secrecy::{ExposeSecret, SecretString};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use url::Url;

use super::answer::{self, Answer};
use super::comments::Comments;
use super::error::{self, Cause, Error, Result, SetupError};
use super::hooks::Hooks;
use super::issues::Issues;
use super::labels::Labels;
use super::meaning::Operation;
use super::models::{ApiSettings, Repository, User, Version};
use super::page::Page;
use super::repositories::RepositoryHandle;
use super::transport::Transport;

/// How we introduce ourselves.
pub const USER_AGENT: &str = concat!("teawatch/", env!("CARGO_PKG_VERSION"));

/// A client for one Gitea. Cheap to clone.
///
/// ```no_run
/// use teawatch::gitea::{Client, Network, NetworkOptions};
///
/// # async fn run() -> Result<(), Box<dyn std::error::Error>> {
/// let network = Network::new(&NetworkOptions::default())?;
/// let gitea = Client::new("https://git.example/".parse()?, "secret".into(), network)?;
/// println!("we are {}", gitea.user().await?.value.login);
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct Client {
    inner: Arc<Inner>,
}

struct Inner {
    /// The root of the API, without a slash at its end.
    api: Url,
    token: Option<SecretString>,
    transport: Box<dyn Transport>,
}

/// A request before it is sent.
#[derive(Debug, Clone)]
pub(super) struct Request {
    operation: Operation,
    method: Method,
    path: Vec<String>,
    query: Vec<(&'static str, String)>,
    body: Option<Vec<u8>>,
}

impl Request {
    pub(super) fn get(operation: Operation, path: &[&str]) -> Self {
        Self::new(operation, Method::GET, path)
    }

    pub(super) fn new(operation: Operation, method: Method, path: &[&str]) -> Self {
        let path = path.iter().map(|segment| (*segment).to_owned()).collect();
        Self { operation, method, path, query: Vec::new(), body: None }
    }

    pub(super) fn query(mut self, name: &'static str, value: &impl ToString) -> Self {
        self.query.push((name, value.to_string()));
        self
    }

    pub(super) fn json(mut self, body: &impl Serialize) -> Self {
        let body = serde_json::to_vec(body);
        self.body = Some(body.expect("a builder holds a key that JSON cannot express"));
        self
    }

    /// This request's failure.
    pub(super) fn failed(&self, cause: Cause) -> Error {
        Error {
            operation: self.operation,
            method: self.method.clone(),
            path: self.path.join("/"),
            date: None,
            cause: Box::new(cause),
        }
    }
}

/// An answer that says yes, not yet read.
struct Received {
    status: StatusCode,
    headers: HeaderMap,
    body: Vec<u8>,
}

impl Client {
    /// A client for the Gitea at `base`, which may lie below a path, with a token.
    pub fn new(
        base: Url,
        token: SecretString,
        transport: impl Transport + 'static,
    ) -> std::result::Result<Self, SetupError> {
        if token.expose_secret().is_empty() || authorization(&token).is_none() {
            return Err(SetupError::Token);
        }
        Self::build(base, Some(token), transport)
    }

    /// A client that does not say who it is.
    pub fn anonymous(
        base: Url,
        transport: impl Transport + 'static,
    ) -> std::result::Result<Self, SetupError> {
        Self::build(base, None, transport)
    }

    fn build(
        base: Url,
        token: Option<SecretString>,
        transport: impl Transport + 'static,
    ) -> std::result::Result<Self, SetupError> {
        let is_plain = matches!(base.scheme(), "http" | "https")
            && base.has_host()
            && base.username().is_empty()
            && base.password().is_none()
            && base.query().is_none()
            && base.fragment().is_none();
        if !is_plain {
            return Err(SetupError::Address);
        }
        let mut api = base;
        if let Ok(mut path) = api.path_segments_mut() {
            path.pop_if_empty().extend(["api", "v1"]);
        }
        Ok(Self { inner: Arc::new(Inner { api, token, transport: Box::new(transport) }) })
    }

    /// Who the token belongs to.
    pub async fn user(&self) -> Result<Answer<User>> {
        self.read(Request::get(Operation::ReadUser, &["user"])).await
    }

    /// What runs there.
    pub async fn version(&self) -> Result<Answer<Version>> {
        self.read(Request::get(Operation::ReadVersion, &["version"])).await
    }

    /// How large pages may be.
    pub async fn settings(&self) -> Result<Answer<ApiSettings>> {
        self.read(Request::get(Operation::ReadSettings, &["settings", "api"])).await
    }

    /// The repository of this name.
    pub fn repository(
        &self,
        owner: impl Into<String>,
        name: impl Into<String>,
    ) -> RepositoryHandle {
        RepositoryHandle::new(self.clone(), owner.into(), name.into())
    }

    /// The repository of this id, whatever its name is by now.
    pub async fn repository_by_id(&self, id: i64) -> Result<Answer<Repository>> {
        self.read(Request::get(Operation::FindRepository, &["repositories", &id.to_string()])).await
    }

    /// The issues of a repository.
    pub fn issues(&self, owner: impl Into<String>, repository: impl Into<String>) -> Issues {
        Issues::new(self.clone(), owner.into(), repository.into())
    }

    /// The comments on the issues of a repository.
    pub fn comments(&self, owner: impl Into<String>, repository: impl Into<String>) -> Comments {
        Comments::new(self.clone(), owner.into(), repository.into())
    }

    /// The labels of a repository.
    pub fn labels(&self, owner: impl Into<String>, repository: impl Into<String>) -> Labels {
        Labels::new(self.clone(), owner.into(), repository.into())
    }

    /// The webhooks of a repository.
    pub fn hooks(&self, owner: impl Into<String>, repository: impl Into<String>) -> Hooks {
        Hooks::new(self.clone(), owner.into(), repository.into())
    }

    /// Sends a request whose answer is one object.
    pub(super) async fn read<T: DeserializeOwned>(&self, request: Request) -> Result<Answer<T>> {
        let received = self.exchange(&request).await?;
        let status = received.status;
        let read = || {
            let value = parse(&received)?;
            if is_hollow(&value) {
                return Err(Cause::Hollow { status });
            }
            decode(value, status)
        };
        finish(&request, &received, read())
    }

    /// Sends a request whose answer is a list, and drops what is of no use in it.
    pub(super) async fn read_list<T: DeserializeOwned>(
        &self,
        request: Request,
    ) -> Result<Answer<Page<T>>> {
        let received = self.exchange(&request).await?;
        let read = || {
            let items: Option<Vec<Value>> = decode(parse(&received)?, received.status)?;
            let items = items.unwrap_or_default();
            let is_end = items.is_empty();
            let is_of_use = |item: &Value| {
                !item.is_null()
                    && !is_hollow(item)
                    && item.get("pull_request").is_none_or(Value::is_null)
            };
            let items = items.into_iter().filter(is_of_use);
            let items: std::result::Result<_, _> =
                items.map(|item| decode(item, received.status)).collect();
            Ok(Page { items: items?, is_end })
        };
        finish(&request, &received, read())
    }

    /// Sends a request whose answer is empty.
    pub(super) async fn read_nothing(&self, request: Request) -> Result<Answer<()>> {
        let received = self.exchange(&request).await?;
        let read =
            if received.body.trim_ascii().is_empty() { Ok(()) } else { parse(&received).map(drop) };
        finish(&request, &received, read)
    }

    /// Sends a request, once, and sorts out what is not a yes.
    async fn exchange(&self, request: &Request) -> Result<Received> {
        let url = self.url(request)?;
        let mut message = http::Request::new(request.body.clone().unwrap_or_default());
        *message.method_mut() = request.method.clone();
        *message.uri_mut() = url
            .as_str()
            .parse()
            .map_err(|_| request.failed(Cause::Address { segment: url.path().to_owned() }))?;
        let headers = message.headers_mut();
        headers.insert(http::header::USER_AGENT, HeaderValue::from_static(USER_AGENT));
        headers.insert(ACCEPT, HeaderValue::from_static("application/json"));
        if request.body.is_some() {
            // Without it Gitea takes a PATCH for an empty form and changes nothing.
            headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        }
        if let Some(token) = self.inner.token.as_ref().and_then(authorization) {
            headers.insert(AUTHORIZATION, token);
        }

        let answer = self.inner.transport.call(message).await;
        let answer = answer.map_err(|error| request.failed(error.into()))?;
        let (parts, body) = answer.into_parts();
        let received = Received { status: parts.status, headers: parts.headers, body };
        if received.status.is_success() {
            return Ok(received);
        }
        let refusal = self.refusal(&url, &received);
        finish(request, &received, Err(refusal))
            .map(|never: Answer<std::convert::Infallible>| match never.value {})
    }

    /// Where a request goes. Names are not trusted to stay in their place in the path.
    fn url(&self, request: &Request) -> Result<Url> {
        let odd = request.path.iter().find(|segment| matches!(segment.as_str(), "" | "." | ".."));
        if let Some(segment) = odd {
            return Err(request.failed(Cause::Address { segment: segment.clone() }));
        }
        let mut url = self.inner.api.clone();
        if let Ok(mut path) = url.path_segments_mut() {
            path.extend(&request.path);
        }
        if !request.query.is_empty() {
            url.query_pairs_mut().extend_pairs(&request.query);
        }
        Ok(url)
    }

    /// What an answer that is not a yes says.
    fn refusal(&self, url: &Url, received: &Received) -> Cause {
        let mut message = error::gist(&received.body);
        let leads_to = received.headers.get(LOCATION).and_then(|value| value.to_str().ok());
        let leads_to = leads_to.filter(|_| received.status.is_redirection());
        if let Some(location) = leads_to {
            message = error::tidy(&format!("it leads to {location}"));
        }
        if let Some(token) = &self.inner.token {
            message = message.replace(token.expose_secret(), "***");
        }
        // A move to another host, or to TLS, is none of Gitea's: its own has no host.
        let location = leads_to.and_then(|location| url.join(location).ok());
        let location = location.filter(|location| location.origin() == url.origin());
        Cause::Refused {
            status: received.status,
            message,
            location: location.map(|location| location.path().to_owned()),
            retry_after: answer::retry_after(&received.headers),
        }
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client").field("api", &self.inner.api.as_str()).finish_non_exhaustive()
    }
}

/// Adds to a result what every answer has.
fn finish<T>(
    request: &Request,
    received: &Received,
    read: std::result::Result<T, Cause>,
) -> Result<Answer<T>> {
    let date = answer::date(&received.headers);
    match read {
        Ok(value) => Ok(Answer { value, status: received.status, date }),
        Err(cause) => Err(Error { date, ..request.failed(cause) }),
    }
}

/// The header's value, if the token can be in one. Older Giteas know no other scheme's
/// spelling than `token`.
fn authorization(token: &SecretString) -> Option<HeaderValue> {
    let mut value = HeaderValue::try_from(format!("token {}", token.expose_secret())).ok()?;
    value.set_sensitive(true);
    Some(value)
}

/// What Gitea answers with if it could not load a thing's parts.
fn is_hollow(value: &Value) -> bool {
    value.get("id").is_some_and(|id| id.as_i64() == Some(0))
}

/// Reads JSON, whatever the answer says it is.
fn parse(received: &Received) -> std::result::Result<Value, Cause> {
    let status = received.status;
    let body = received.body.trim_ascii();
    serde_json::from_slice(body).map_err(|error| match body.first() {
        None => Cause::Foreign { status, what: "empty" },
        Some(b'<') => Cause::Foreign { status, what: "HTML" },
        Some(b'{' | b'[' | b'"') => Cause::Unreadable { status, source: Box::new(error) },
        Some(_) => Cause::Foreign { status, what: "text" },
    })
}

/// Makes of JSON what it should be. Errors name the field.
fn decode<T: DeserializeOwned>(value: Value, status: StatusCode) -> std::result::Result<T, Cause> {
    serde_path_to_error::deserialize(value)
        .map_err(|error| Cause::Unreadable { status, source: Box::new(error) })
}
