//! The Gitea host: a client for each priority, its clock, and who we are there.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};

use futures_util::future::BoxFuture;
use http::StatusCode;
use jiff::Timestamp;
use secrecy::SecretString;
use url::Url;

use super::{Figures, Gate, Pause, Priority};
use crate::gitea::{self, Client, SetupError, Transport, TransportError};

/// Who we are to Gitea.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// What counts: logins change.
    pub id: i64,
    /// What lists ask for.
    pub login: String,
    /// Every id that was ever ours, this one among them.
    pub ids: BTreeSet<i64>,
}

impl Identity {
    /// Whether a user is or was ours.
    pub fn is(&self, user: &gitea::User) -> bool {
        self.ids.contains(&user.id)
    }

    /// Whether what is ours was written by this user alone.
    pub fn is_the_only_one(&self) -> bool {
        self.ids.iter().all(|&id| id == self.id)
    }
}

/// Everything that calls the host, calls it through this.
#[derive(Debug)]
pub struct Host {
    clients: Vec<(Priority, Client)>,
    gate: Option<Arc<Gate>>,
    date: Arc<Mutex<Option<Timestamp>>>,
    identity: Mutex<Option<Identity>>,
    figures: Figures,
}

impl Host {
    /// Sets up the clients. Without a `gate` nothing is paced, as in a simulation.
    pub fn new(
        base: &Url,
        token: &SecretString,
        transport: Arc<dyn Transport>,
        gate: Option<Arc<Gate>>,
    ) -> Result<Self, SetupError> {
        let date: Arc<Mutex<Option<Timestamp>>> = Arc::default();
        let paced = Paced {
            inner: transport,
            gate: gate.clone(),
            priority: Priority::LookOrClose,
            date: Arc::clone(&date),
            figures: Figures::default(),
        };
        let figures = paced.figures.clone();
        let client = |priority| {
            let paced = Paced { priority, ..paced.clone() };
            Client::new(base.clone(), token.clone(), paced).map(|client| (priority, client))
        };
        let clients = Priority::ALL.into_iter().map(client).collect::<Result<_, _>>()?;
        Ok(Self { clients, gate, date, identity: Mutex::new(None), figures })
    }

    /// The client whose requests have this priority.
    pub fn client(&self, priority: Priority) -> &Client {
        let mut clients = self.clients.iter();
        let found = clients.find(|(of, _)| *of == priority).map(|(_, client)| client);
        found.expect("there is a client for each priority")
    }

    /// What was counted of its answers.
    pub fn figures(&self) -> &Figures {
        &self.figures
    }

    /// The time during which the host wants to hear nothing, if that is so.
    pub fn paused(&self) -> Option<Pause> {
        self.gate.as_ref().and_then(|gate| gate.paused())
    }

    /// Waits until the host asks for a pause, whatever it was asked for.
    pub async fn paused_anew(&self) {
        match &self.gate {
            Some(gate) => gate.paused_anew().await,
            None => std::future::pending().await,
        }
    }

    /// What Gitea's clock said last.
    pub fn date(&self) -> Option<Timestamp> {
        *self.date.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Who we are, as far as it is known.
    pub fn known_identity(&self) -> Option<Identity> {
        self.identity.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Takes note of who we are.
    pub(super) fn know(&self, identity: Identity) {
        *self.identity.lock().unwrap_or_else(PoisonError::into_inner) = Some(identity);
    }

    /// Forgets who we are, so that it is asked for again: daily, and when our login turned
    /// out to be nobody's.
    pub fn forget_identity(&self) {
        *self.identity.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }
}

/// A transport that waits for a token, and reads from every answer Gitea's clock and whether
/// a pause is wanted.
#[derive(Debug, Clone)]
struct Paced {
    inner: Arc<dyn Transport>,
    gate: Option<Arc<Gate>>,
    priority: Priority,
    date: Arc<Mutex<Option<Timestamp>>>,
    figures: Figures,
}

impl Transport for Paced {
    fn call(
        &self,
        request: http::Request<Vec<u8>>,
    ) -> BoxFuture<'_, Result<http::Response<Vec<u8>>, TransportError>> {
        Box::pin(async move {
            if let Some(gate) = &self.gate {
                gate.take(self.priority).await;
            }
            let answer = self.inner.call(request).await;
            self.figures.count_answer(answer.as_ref().ok().map(http::Response::status));
            let answer = answer?;
            if let Some(date) = gitea::date(answer.headers()) {
                *self.date.lock().unwrap_or_else(PoisonError::into_inner) = Some(date);
            }
            let is_busy = matches!(
                answer.status(),
                StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE
            );
            if let (Some(gate), Some(asked)) = (&self.gate, gitea::retry_after(answer.headers()))
                && is_busy
            {
                gate.pause(asked);
            }
            Ok(answer)
        })
    }
}
