//! Messages of webhooks on their way: signed as Gitea signs them, and what may befall them.
//!
//! Pure: what is to be sent waits in the model until somebody takes it, the HTTP face or a
//! simulation. Each is sent once, whatever the answer, as Gitea does.

use std::collections::VecDeque;

use hmac::{Hmac, KeyInit as _, Mac as _};
use jiff::SignedDuration;
use serde::{Deserialize, Serialize};
use sha2::Sha256;
use url::form_urlencoded;

use super::hooks::Hook;
use super::world::{World, next};

/// How many messages that were handed out are remembered.
const REMEMBERED: usize = 1_000;

/// One message to one hook.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Delivery {
    /// As `X-Gitea-Delivery` tells it.
    pub id: String,
    pub hook: u64,
    pub url: String,
    pub is_form: bool,
    /// `issues`, `issue_comment` or `push`.
    pub event: &'static str,
    /// The finer name, as in `issue_label`.
    pub event_type: &'static str,
    /// JSON.
    pub payload: String,
    /// Lower-case hexadecimal, over the payload; empty where the hook has no secret.
    pub signature: String,
    /// The value of `Authorization`; empty if there is none.
    pub authorization: String,
    /// How long it waits before it is sent.
    pub delay: SignedDuration,
}

/// What befalls a message on its way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "do", rename_all = "kebab-case", deny_unknown_fields)]
#[non_exhaustive]
pub enum Mishap {
    /// It is never sent.
    Drop,
    /// It is sent twice.
    Double,
    /// It is sent so many milliseconds later, and does not hold up the others.
    Delay { after_ms: u32 },
    /// The next message is sent before it.
    Reorder,
    /// It is sent, and once more under another id, as somebody can order on Gitea's pages.
    Replay,
}

/// A mishap that is ordered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PostFault {
    pub mishap: Mishap,
    /// The finer name of the event, as in `issue_label`; what is not given matches all.
    #[serde(default)]
    pub event_type: Option<String>,
    /// How many matching messages still pass untouched before it strikes.
    #[serde(default)]
    pub skip: u32,
    /// How many messages it still strikes; `None` means until it is cleared.
    #[serde(default = "super::faults::once")]
    pub times: Option<u32>,
}

/// What waits, what is held back, and what was handed out.
#[derive(Debug, Clone, Default)]
pub(super) struct Post {
    waiting: VecDeque<Delivery>,
    held: VecDeque<Delivery>,
    handed_out: VecDeque<Delivery>,
    faults: Vec<PostFault>,
    last_id: u64,
}

impl Delivery {
    pub(super) fn new(
        hook: &Hook,
        event: &'static str,
        event_type: &'static str,
        payload: String,
    ) -> Self {
        Self {
            id: String::new(),
            hook: hook.id,
            url: hook.url.clone(),
            is_form: hook.is_form,
            event,
            event_type,
            signature: signature(&hook.secret, &payload),
            payload,
            authorization: hook.authorization.clone(),
            delay: SignedDuration::ZERO,
        }
    }

    /// The headers in which Gitea differs from any other client. SHA-1, which it offers as
    /// well, is left out.
    pub fn headers(&self) -> Vec<(&'static str, String)> {
        let kind =
            if self.is_form { "application/x-www-form-urlencoded" } else { "application/json" };
        let hub = format!("sha256={}", self.signature);
        let mut headers = vec![
            ("content-type", kind.to_owned()),
            ("x-gitea-signature", self.signature.clone()),
            ("x-gogs-signature", self.signature.clone()),
            ("x-hub-signature-256", hub),
            ("x-gitea-hook-installation-target-type", "repository".to_owned()),
            ("x-github-hook-installation-target-type", "repository".to_owned()),
        ];
        for name in ["x-gitea-delivery", "x-gogs-delivery", "x-github-delivery"] {
            headers.push((name, self.id.clone()));
        }
        for name in ["x-gitea-event", "x-gogs-event", "x-github-event"] {
            headers.push((name, self.event.to_owned()));
        }
        for name in ["x-gitea-event-type", "x-gogs-event-type", "x-github-event-type"] {
            headers.push((name, self.event_type.to_owned()));
        }
        if !self.authorization.is_empty() {
            headers.push(("authorization", self.authorization.clone()));
        }
        headers
    }

    /// What stands in the body: the payload, or a form that has it as a field.
    pub fn body(&self) -> String {
        if self.is_form {
            let mut form = form_urlencoded::Serializer::new(String::new());
            form.append_pair("payload", &self.payload).finish()
        } else {
            self.payload.clone()
        }
    }
}

/// The signature of a payload; none where there is no secret.
fn signature(secret: &str, payload: &str) -> String {
    if secret.is_empty() {
        return String::new();
    }
    let mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes());
    let mut mac = mac.expect("HMAC takes keys of any length");
    mac.update(payload.as_bytes());
    mac.finalize().into_bytes().iter().map(|byte| format!("{byte:02x}")).collect()
}

impl Post {
    fn id(&mut self) -> String {
        format!("00000000-0000-4000-8000-{:012x}", next(&mut self.last_id))
    }

    /// What befalls this message.
    fn strike(&mut self, event_type: &str) -> Option<Mishap> {
        let at = self.faults.iter_mut().position(|fault| {
            let matches = fault.event_type.as_deref().is_none_or(|wanted| wanted == event_type);
            let passes = matches && fault.skip > 0;
            fault.skip -= u32::from(passes);
            matches && !passes
        })?;
        let fault = &mut self.faults[at];
        let mishap = fault.mishap;
        if let Some(times) = &mut fault.times {
            *times = times.saturating_sub(1);
            if *times == 0 {
                self.faults.remove(at);
            }
        }
        Some(mishap)
    }

    fn add(&mut self, mut delivery: Delivery) {
        delivery.id = self.id();
        let held = std::mem::take(&mut self.held);
        match self.strike(delivery.event_type) {
            None => self.waiting.push_back(delivery),
            Some(Mishap::Drop) => {}
            Some(Mishap::Double) => self.waiting.extend([delivery.clone(), delivery]),
            Some(Mishap::Delay { after_ms }) => {
                delivery.delay = SignedDuration::from_millis(i64::from(after_ms));
                self.waiting.push_back(delivery);
            }
            Some(Mishap::Reorder) => self.held.push_back(delivery),
            Some(Mishap::Replay) => {
                let again = Delivery { id: self.id(), ..delivery.clone() };
                self.waiting.extend([delivery, again]);
            }
        }
        self.waiting.extend(held);
    }
}

impl World {
    /// Queues a message.
    pub(super) fn send(&mut self, delivery: Delivery) {
        self.post.add(delivery);
    }

    /// Hands out what waits to be sent, the oldest first.
    pub fn take_deliveries(&mut self) -> Vec<Delivery> {
        let taken: Vec<Delivery> = self.post.waiting.drain(..).collect();
        let known = &mut self.post.handed_out;
        known.extend(taken.iter().cloned());
        known.drain(..known.len().saturating_sub(REMEMBERED));
        taken
    }

    /// The newest messages that were handed out, the oldest of them first; at most 1,000.
    pub fn deliveries(&self) -> impl ExactSizeIterator<Item = &Delivery> {
        self.post.handed_out.iter()
    }

    /// Orders a mishap. The oldest that matches a message strikes it.
    pub fn order_mishap(&mut self, fault: PostFault) {
        self.post.faults.push(fault);
    }

    /// The mishaps that are still ordered, the oldest first.
    pub fn mishaps(&self) -> &[PostFault] {
        &self.post.faults
    }

    /// Strikes all mishaps that are ordered; what was held back goes out.
    pub fn clear_mishaps(&mut self) {
        self.post.faults.clear();
        let held = std::mem::take(&mut self.post.held);
        self.post.waiting.extend(held);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_payload_is_signed_as_a_real_gitea_signs_it() {
        let payload = "{\n  \"action\": \"opened\",\n  \"number\": 1\n}";
        assert_eq!(
            signature("s3cret", payload),
            "83299753696715cd7065266083fe01b5085ddadf4c6afdec924ac06bd0c25a20"
        );
        assert_eq!(signature("", payload), "");
    }
}
