//! The network between the outbox and the stand-in's model.

use std::future::ready;
use std::io;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};

use futures_util::future::BoxFuture;
use http::Method;
use jiff::Timestamp;
use teawatch::gitea::{Transport, TransportError};
use teawatch::sandbox::{Action, BodyKind, Fault, Request, World};

use super::moves::Fate;

/// The model, the requests that are still on their way to it, and the next one's fate.
#[derive(Debug, Clone)]
pub struct Gitea(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    state: Mutex<State>,
    /// Gitea's own clock, in milliseconds.
    clock: AtomicI64,
}

#[derive(Debug)]
struct State {
    world: World,
    late: Vec<(i64, Request)>,
    fate: Option<(Fate, bool)>,
}

impl Gitea {
    pub fn new(page_size: usize, clock: i64) -> Self {
        let mut world = World::demo();
        world.set_page_size(page_size, page_size);
        let state = State { world, late: Vec::new(), fate: None };
        Self(Arc::new(Shared { state: Mutex::new(state), clock: AtomicI64::new(clock) }))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap()
    }

    pub fn now(&self) -> Timestamp {
        Timestamp::from_millisecond(self.0.clock.load(Ordering::Relaxed)).unwrap()
    }

    /// Lets time pass; what was late arrives on the way.
    pub fn wait(&self, seconds: i64) {
        let until = self.0.clock.load(Ordering::Relaxed) + seconds * 1_000;
        self.land(until);
        self.0.clock.store(until, Ordering::Relaxed);
    }

    /// Lets all that is late arrive now.
    pub fn land_all(&self) {
        let now = self.0.clock.load(Ordering::Relaxed);
        self.state().late.iter_mut().for_each(|(at, _)| *at = now);
        self.land(now);
    }

    pub fn is_anything_late(&self) -> bool {
        !self.state().late.is_empty()
    }

    fn land(&self, until: i64) {
        let mut state = self.state();
        state.late.sort_by_key(|(at, _)| *at);
        while state.late.first().is_some_and(|(at, _)| *at <= until) {
            let (at, request) = state.late.remove(0);
            state.world.carry_out(&request, Timestamp::from_millisecond(at).unwrap());
        }
    }

    /// Says what becomes of the next request, or of the next that changes something.
    pub fn order(&self, fate: Fate, on_write: bool) {
        self.state().fate = (fate != Fate::Answered).then_some((fate, on_write));
    }

    pub fn look<T>(&self, look: impl FnOnce(&World) -> T) -> T {
        look(&self.state().world)
    }

    pub fn act<T>(&self, act: impl FnOnce(&mut World, Timestamp) -> T) -> T {
        let now = self.now();
        act(&mut self.state().world, now)
    }
}

impl Transport for Gitea {
    fn call(
        &self,
        request: http::Request<Vec<u8>>,
    ) -> BoxFuture<'_, Result<http::Response<Vec<u8>>, TransportError>> {
        let (now, request) = (self.now(), Request::from(request));
        let mut state = self.state();
        let is_write = request.method != Method::GET;
        let fate = state.fate.take_if(|(_, on_write)| is_write || !*on_write);
        let lost = || Err(TransportError::NoAnswer(Box::new(io::Error::other("lost"))));
        let fault = match fate.map_or(Fate::Answered, |(fate, _)| fate) {
            Fate::Answered => None,
            Fate::Unreachable => {
                let refused = io::Error::other("no connection");
                return Box::pin(ready(Err(TransportError::Unreachable(Box::new(refused)))));
            }
            Fate::RequestLost => return Box::pin(ready(lost())),
            Fate::Late(seconds) => {
                let at = now.as_millisecond() + seconds * 1_000;
                state.late.push((at, request));
                return Box::pin(ready(lost()));
            }
            Fate::AnswerLost => Some(Action::DoAndHangUp),
            Fate::DoneAndFailed => Some(Action::DoAndFail),
            Fate::Refused(status) => Some(Action::Refuse {
                status,
                retry_after: (status == 429).then_some(30),
                body: BodyKind::Json,
            }),
        };
        if let Some(action) = fault {
            state.world.order(Fault::new(action));
        }
        let answer = match state.world.answer_with_fault(&request, now) {
            teawatch::sandbox::Fate::Answered(response) => Ok(response.into()),
            _ => lost(),
        };
        Box::pin(ready(answer))
    }
}
