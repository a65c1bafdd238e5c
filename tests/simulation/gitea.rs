//! Gitea, and the requests on their way to it.

use std::collections::BTreeMap;

use jiff::Timestamp;
use teawatch::sandbox::{Action, BodyKind, Fate as Outcome, Fault, Right, World};
use tokio::sync::oneshot;

use super::dice::Dice;
use super::knobs::{REPOSITORIES, TIMEOUT};
use super::network::{Answer, Call, no_answer, unreachable};
use super::oracle::Place;

/// How the network and Gitea are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Weather {
    /// Everything is answered.
    Calm,
    /// Now and then something goes wrong.
    Fair,
    /// Much goes wrong.
    Rough,
    /// Gitea is away.
    Away,
}

/// What becomes of one request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    Answered,
    Unreachable,
    /// Nothing was done, and no answer comes.
    RequestLost,
    /// It was done, and no answer comes.
    AnswerLost,
    /// It was done, and the connection broke.
    HungUp,
    /// It was done, and 500 was answered.
    DoneAndFailed,
    /// Nothing was done, and this was answered.
    Refused(u16),
    /// It is done so many milliseconds after the caller has given it up.
    Late(i64),
}

/// A late request arrives before this, in milliseconds: `settle_wait` is as long as that.
const LATE_MAX: i64 = 59_000;

impl Fate {
    fn roll(dice: &mut Dice, weather: Weather) -> Self {
        let odds = match weather {
            Weather::Calm => return Self::Answered,
            Weather::Fair => 40,
            Weather::Rough => 3,
            Weather::Away => {
                let away = [Self::Unreachable, Self::RequestLost];
                return dice.pick(&[away[0], away[1], Self::Refused(502), Self::Refused(503)]);
            }
        };
        if !dice.one_in(odds) {
            return Self::Answered;
        }
        let late = Self::Late(dice.between(0, LATE_MAX));
        let refused = Self::Refused(dice.pick(&[401, 429, 502, 503]));
        dice.weigh(&[
            (1, Self::Unreachable),
            (2, Self::RequestLost),
            (3, Self::AnswerLost),
            (2, Self::HungUp),
            (2, Self::DoneAndFailed),
            (2, refused),
            (4, late),
        ])
    }
}

/// A request on its way.
#[derive(Debug)]
struct Flight {
    call: Option<teawatch::sandbox::Request>,
    caller: Option<oneshot::Sender<Answer>>,
    answer: Option<Answer>,
    fate: Fate,
}

/// What happens to a flight, and after how many milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Leg {
    /// The request arrives.
    Arrives,
    /// The answer arrives.
    Returns,
    /// The caller waits no longer.
    TimesOut,
}

/// How long one way takes, in milliseconds.
fn way(dice: &mut Dice) -> i64 {
    let longest = dice.weigh(&[(9, 200), (1, 4_000)]);
    dice.between(1, longest)
}

#[derive(Debug)]
pub struct Gitea {
    pub world: World,
    pub weather: Weather,
    flights: BTreeMap<u64, Flight>,
    count: u64,
    /// Requests of the outbox that have arrived.
    pub requests: u64,
}

impl Gitea {
    pub fn new(page_size: usize) -> Self {
        let mut world = World::demo();
        world.set_page_size(page_size, page_size);
        world.add_repository("ops", "other").unwrap();
        world.set_rights(REPOSITORIES[1], "teawatch", Some(Right::Write)).unwrap();
        world.set_rights(REPOSITORIES[1], "alice", Some(Right::Admin)).unwrap();
        Self { world, weather: Weather::Fair, flights: BTreeMap::new(), count: 0, requests: 0 }
    }

    /// Sends a request off. Returns what is to happen to it, and when.
    pub fn launch(&mut self, call: Call, dice: &mut Dice) -> (u64, Vec<(i64, Leg)>) {
        let fate = Fate::roll(dice, self.weather);
        self.count += 1;
        let way = way(dice);
        let mut legs = vec![(TIMEOUT, Leg::TimesOut)];
        let mut flight =
            Flight { call: Some(call.request), caller: Some(call.caller), answer: None, fate };
        match fate {
            Fate::RequestLost => flight.call = None,
            Fate::Unreachable => {
                flight.call = None;
                flight.answer = Some(Err(unreachable()));
                legs.push((way, Leg::Returns));
            }
            Fate::Late(after) => legs.push((TIMEOUT + after, Leg::Arrives)),
            Fate::Answered
            | Fate::AnswerLost
            | Fate::HungUp
            | Fate::DoneAndFailed
            | Fate::Refused(_) => legs.push((way, Leg::Arrives)),
        }
        self.flights.insert(self.count, flight);
        (self.count, legs)
    }

    /// The request arrives. Returns the issue that it may have changed, and after how long
    /// the answer arrives, if one does.
    pub fn arrive(
        &mut self,
        number: u64,
        now: i64,
        dice: &mut Dice,
    ) -> (Option<Place>, Option<i64>) {
        let Some(flight) = self.flights.get_mut(&number) else { return (None, None) };
        let Some(request) = flight.call.take() else { return (None, None) };
        self.requests += 1;
        let action = match flight.fate {
            Fate::Answered | Fate::Late(_) => None,
            Fate::AnswerLost | Fate::HungUp => Some(Action::DoAndHangUp),
            Fate::DoneAndFailed => Some(Action::DoAndFail),
            Fate::Refused(status) => {
                let retry_after = (status == 429 || status == 503).then_some(30);
                Some(Action::Refuse { status, retry_after, body: BodyKind::Json })
            }
            Fate::Unreachable | Fate::RequestLost => return (None, None),
        };
        if let Some(action) = action {
            self.world.order(Fault::new(action));
        }
        let now = Timestamp::from_millisecond(now).unwrap();
        let returns = match self.world.answer_with_fault(&request, now) {
            Outcome::Answered(response) => Some(Ok(response.into())),
            _ if flight.fate == Fate::HungUp => Some(Err(no_answer())),
            _ => None,
        };
        let place = self.place_of(&request);
        let flight = self.flights.get_mut(&number).unwrap();
        // Of what is late nobody hears.
        flight.answer = returns.filter(|_| !matches!(flight.fate, Fate::Late(_)));
        if flight.answer.is_some() && flight.caller.is_some() {
            return (place, Some(way(dice)));
        }
        if flight.caller.is_none() {
            self.flights.remove(&number);
        }
        (place, None)
    }

    /// The issue that a request is about, if it may have changed one.
    fn place_of(&self, request: &teawatch::sandbox::Request) -> Option<Place> {
        if request.method == http::Method::GET {
            return None;
        }
        let path = request.path.strip_prefix("/api/v1/repos/")?;
        let repository = REPOSITORIES.into_iter().find(|name| path.starts_with(name))?;
        let mut rest = path.strip_prefix(repository)?.strip_prefix("/issues")?.split('/');
        let number = match rest.nth(1) {
            Some(number) => number.parse().ok()?,
            None => self.world.issues(repository).next_back()?.number,
        };
        Some((repository, number))
    }

    /// The answer arrives.
    pub fn finish(&mut self, number: u64) {
        let Some(mut flight) = self.flights.remove(&number) else { return };
        if let (Some(caller), Some(answer)) = (flight.caller.take(), flight.answer.take()) {
            // A process that has ended hears nothing.
            drop(caller.send(answer));
        }
    }

    /// The caller waits no longer. The request may still arrive.
    pub fn time_out(&mut self, number: u64) {
        let Some(flight) = self.flights.get_mut(&number) else { return };
        if let Some(caller) = flight.caller.take() {
            drop(caller.send(Err(no_answer())));
        }
        if flight.call.is_none() {
            self.flights.remove(&number);
        }
    }

    /// The process that waited has ended. Returns how long after that the requests arrive
    /// that are still on their way: not later than its successor reckons with.
    pub fn orphan(&mut self) -> Vec<(u64, i64)> {
        self.flights.retain(|_, flight| {
            flight.caller = None;
            flight.call.is_some()
        });
        let delays = self.flights.iter().filter_map(|(&number, flight)| match flight.fate {
            Fate::Late(after) => Some((number, after)),
            _ => None,
        });
        delays.collect()
    }

    /// Everything on its way, in the order of sending.
    pub fn under_way(&self) -> Vec<u64> {
        let flights = self.flights.iter().filter(|(_, flight)| flight.call.is_some());
        flights.map(|(&number, _)| number).collect()
    }

    pub fn is_idle(&self) -> bool {
        self.flights.is_empty()
    }
}
