//! Trouble to order: which fault strikes which request.
//!
//! Pure: it counts requests and says what is to happen. Doing it (waiting, closing
//! connections) is the business of the HTTP face, or of a simulation.

use http::{Method, StatusCode};
use jiff::SignedDuration;
use serde::{Deserialize, Serialize};

use super::message::Response;
use super::route::Route;

/// What happens to a request that a fault strikes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "do", rename_all = "kebab-case", deny_unknown_fields)]
#[non_exhaustive]
pub enum Action {
    /// Nothing is done, and this is answered.
    Refuse {
        /// The status of the answer, 200 to 999.
        status: u16,
        /// The value of `Retry-After`, in seconds.
        #[serde(default)]
        retry_after: Option<u32>,
        #[serde(default)]
        body: BodyKind,
    },
    /// Nothing is done, and the connection is closed without an answer.
    HangUp,
    /// It is done, and the connection is closed without an answer.
    DoAndHangUp,
    /// Nothing is done, and the answer never comes.
    Stall,
    /// It is done, and the answer never comes.
    DoAndStall,
    /// It is done later, and then answered: after this many milliseconds, or when stalled
    /// requests are released.
    StallAndDo {
        #[serde(default)]
        after_ms: Option<u32>,
    },
    /// It is done, and 500 is answered.
    DoAndFail,
}

/// What the body of a refusal looks like.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum BodyKind {
    /// As Gitea says it.
    #[default]
    Json,
    /// As a proxy in front of Gitea says it.
    Html,
    Empty,
}

/// Which requests a fault is for; what is not given matches everything.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Matcher {
    /// In capitals.
    pub method: Option<String>,
    pub route: Option<Route>,
    /// A part of path and query, as in `issues/7/`.
    pub path: Option<String>,
}

/// A fault that is ordered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Fault {
    pub action: Action,
    #[serde(default)]
    pub matcher: Matcher,
    /// How many matching requests still pass untouched before it strikes.
    #[serde(default)]
    pub skip: u32,
    /// How many requests it still strikes; `None` means until it is cleared.
    #[serde(default = "once")]
    pub times: Option<u32>,
}

#[expect(clippy::unnecessary_wraps, reason = "it is the default of an optional field")]
pub(super) fn once() -> Option<u32> {
    Some(1)
}

impl Fault {
    /// A fault that strikes the next request, once.
    pub fn new(action: Action) -> Self {
        Self { action, matcher: Matcher::default(), skip: 0, times: Some(1) }
    }

    /// The same, for one endpoint and method only.
    #[must_use]
    pub fn on(mut self, method: &Method, route: Route) -> Self {
        self.matcher.method = Some(method.as_str().to_owned());
        self.matcher.route = Some(route);
        self
    }

    /// The same, for paths and queries that hold `part`.
    #[must_use]
    pub fn at(mut self, part: &str) -> Self {
        self.matcher.path = Some(part.to_owned());
        self
    }

    /// The same after `skip` matching requests have passed.
    #[must_use]
    pub fn after(mut self, skip: u32) -> Self {
        self.skip = skip;
        self
    }

    /// The same for so many requests.
    #[must_use]
    pub fn times(mut self, times: u32) -> Self {
        self.times = Some(times);
        self
    }

    /// The same until it is cleared.
    #[must_use]
    pub fn until_cleared(mut self) -> Self {
        self.times = None;
        self
    }

    /// Whether it can be carried out: an answer below 200 would not be the last one.
    pub(super) fn is_possible(&self) -> bool {
        !matches!(self.action, Action::Refuse { status, .. } if !(200..=999).contains(&status))
    }

    fn matches(&self, method: &Method, route: Route, path: &str, query: &str) -> bool {
        let Matcher { method: wanted, route: wanted_route, path: part } = &self.matcher;
        wanted.as_deref().is_none_or(|wanted| wanted == method.as_str())
            && wanted_route.is_none_or(|wanted| wanted == route)
            && part.as_deref().is_none_or(|part| {
                path.contains(part)
                    || (!query.is_empty() && format!("{path}?{query}").contains(part))
            })
    }
}

/// The faults that are ordered, the oldest first.
#[derive(Debug, Clone, Default)]
pub(super) struct Faults(Vec<Fault>);

impl Faults {
    /// Orders a fault; one for no request is none.
    pub(super) fn order(&mut self, fault: Fault) {
        if fault.times != Some(0) {
            self.0.push(fault);
        }
    }

    pub(super) fn clear(&mut self) {
        self.0.clear();
    }

    pub(super) fn as_slice(&self) -> &[Fault] {
        &self.0
    }

    /// What strikes this request. Every matching fault counts it as passed that still has
    /// requests to skip; of the others the oldest strikes, and the rest wait.
    pub(super) fn strike(
        &mut self,
        method: &Method,
        route: Route,
        path: &str,
        query: &str,
    ) -> Option<Action> {
        let mut struck = None;
        for fault in &mut self.0 {
            if !fault.matches(method, route, path, query) {
                continue;
            }
            if fault.skip > 0 {
                fault.skip -= 1;
            } else if struck.is_none() {
                struck = Some(fault.action.clone());
                fault.times = fault.times.map(|times| times.saturating_sub(1));
            }
        }
        self.0.retain(|fault| fault.times != Some(0));
        struck
    }
}

/// What became of a request and of its answer.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Fate {
    /// This is answered.
    Answered(Response),
    /// The connection is closed without an answer; whether it was done is not for the
    /// client to know.
    HungUp,
    /// The answer never comes; whether it was done is not for the client to know.
    Stalled,
    /// It was not done yet. Whoever holds it asks [`super::World::carry_out`] after this
    /// time, or when stalled requests are released.
    Held(Option<SignedDuration>),
}

/// The answer of a refusal. A status that is none becomes 500.
pub(super) fn refusal(
    status: u16,
    retry_after: Option<u32>,
    body: BodyKind,
    url: &str,
) -> Response {
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let reason = status.canonical_reason().unwrap_or("Refused");
    let response = match body {
        BodyKind::Json => Response::of(
            status,
            &serde_json::json!({ "message": reason, "url": format!("{url}/api/swagger") }),
        ),
        BodyKind::Html => {
            let title = format!("{} {reason}", status.as_u16());
            Response::text(
                status,
                "text/html",
                &format!(
                    "<html>\n<head><title>{title}</title></head>\n<body>\n\
                     <center><h1>{title}</h1></center>\n<hr><center>proxy</center>\n\
                     </body>\n</html>\n"
                ),
            )
        }
        BodyKind::Empty => Response::empty(status),
    };
    match retry_after {
        Some(seconds) => response.with(http::header::RETRY_AFTER, &seconds.to_string()),
        None => response,
    }
}
