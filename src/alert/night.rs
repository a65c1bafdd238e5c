//! The issue of a night's report: one for each night, open until that of the next.
//!
//! It is an alert whose episodes are nights, numbered by the days on which they ended, so
//! that the name of an opening says of which night it is: not even a store that was lost
//! opens two of one night. Its one member is the night, which is in trouble until the next,
//! so that nothing closes the issue before. Nothing is commented there but answers to people.

use jiff::civil::Date;
use jiff::{SignedDuration, Timestamp};

use super::pacing::Gathered;
use super::step::{open_as, resolve};
use super::{
    Alert, MEMBER_SUMMARY_MAX, Member, Order, Placement, Rule, Standing, markdown::shorten,
};

/// Day 0.
const EPOCH: Date = Date::constant(1970, 1, 1);

/// The number of the episode whose night ended on this day.
fn number(day: Date) -> u64 {
    let days = day.duration_since(EPOCH).as_hours() / 24;
    u64::try_from(days).unwrap_or(0)
}

/// The day on which the night of this episode ended.
pub fn day_of(episode: u64) -> Date {
    let hours = i32::try_from(episode).map_or(i64::MAX / 3_600, |days| i64::from(days) * 24);
    EPOCH.checked_add(SignedDuration::from_hours(hours)).unwrap_or(Date::MAX)
}

impl Alert {
    /// Whether the report of the night that ended on this day is told already.
    pub fn has_night(&self, day: Date) -> bool {
        self.members.contains_key(&day.to_string())
    }

    /// Takes leave of the night before, and opens an issue for this one; if it has none yet.
    pub(super) fn report(
        &mut self,
        rule: &Rule,
        day: Date,
        summary: &str,
        now: Timestamp,
        orders: &mut Vec<Order>,
    ) {
        if self.has_night(day) {
            return;
        }
        // Between two reports there is no time without one: the older is closed afterwards.
        let mut closing = Vec::new();
        if self.is_active() {
            resolve(self, now, &mut closing);
        }
        self.talk.gathered = Gathered::default();
        self.talk.missed = None;
        self.touched.extend(std::mem::take(&mut self.members).into_keys());
        let summary = shorten(summary, MEMBER_SUMMARY_MAX);
        let member = Member { standing: Standing::Failing, since: now, summary };
        self.touched.insert(day.to_string());
        self.members.insert(day.to_string(), member);
        // A clock that was ahead has used later numbers.
        let episode = number(day).max(self.episode + 1);
        open_as(rule, self, episode, Placement::Own, now, orders);
        orders.extend(closing);
    }
}

#[cfg(test)]
mod tests {
    use super::super::{
        Effect, EffectKind, Event, Fingerprint, Group, Issue, Learned, Salt, Sighted, step,
    };
    use super::*;

    fn day(day: i8) -> Date {
        Date::constant(2026, 12, day)
    }

    fn at(hour: i64) -> Timestamp {
        Timestamp::from_second(1_796_083_200 + hour * 3_600).unwrap()
    }

    /// The alert of night reports, and what it has ordered: kind and day of each.
    struct Nights {
        alert: Alert,
        told: Vec<(&'static str, EffectKind, Date)>,
        hour: i64,
    }

    impl Nights {
        fn new() -> Self {
            let group = Group::Night { repository: "ops/alerts".to_owned() };
            let alert = Alert::new(Fingerprint::new(&Salt::new("salt"), &group), group, 0);
            Self { alert, told: Vec::new(), hour: 0 }
        }

        /// An hour later this happens.
        fn happens(&mut self, event: &Event) -> &mut Self {
            let rule = Rule { mute_max: SignedDuration::MAX, ..Rule::default() };
            self.hour += 1;
            let (alert, orders) =
                step(&rule, self.alert.clone(), event, None, Placement::Own, at(self.hour));
            self.alert = alert;
            let told = orders.into_iter().map(|order| match order {
                Order::Tell(effect) => ("tell", effect.kind, day_of(effect.episode)),
                Order::Strike(effect) => ("strike", effect.kind, day_of(effect.episode)),
            });
            self.told.extend(told);
            self
        }

        fn reported(&mut self, day: Date) -> &mut Self {
            self.happens(&Event::Night { day, summary: "3 checks are down".to_owned() })
        }

        /// The opening of this night has come so far.
        fn begun(&mut self, day: Date) -> &mut Self {
            let opening = opening(day);
            self.happens(&Event::Begun(opening))
        }

        fn opened(&mut self, day: Date, number: u64) -> &mut Self {
            let issue = Issue { repository_id: 1, number };
            let learned = Learned::Opened { issue, floor: 0, left_out: Vec::new() };
            self.begun(day).happens(&Event::Done { effect: opening(day), learned })
        }

        fn told(&mut self) -> Vec<(&'static str, EffectKind, Date)> {
            std::mem::take(&mut self.told)
        }
    }

    fn opening(day: Date) -> Effect {
        Effect { kind: EffectKind::Open, episode: number(day), number: 0 }
    }

    #[test]
    fn a_night_has_one_issue_and_that_of_the_next_closes_it() {
        let mut nights = Nights::new();
        nights.reported(day(1)).reported(day(1)).opened(day(1), 7).reported(day(1));
        assert_eq!(nights.told(), [("tell", EffectKind::Open, day(1))]);
        // Nothing else is ever said there.
        for _ in 0..100 {
            nights.happens(&Event::Woken);
        }
        assert_eq!(nights.told(), []);
        nights.reported(day(2));
        let next = [("tell", EffectKind::Open, day(2)), ("tell", EffectKind::Close, day(1))];
        assert_eq!(nights.told(), next);
        assert_eq!(nights.alert.issue_of(number(day(1))).unwrap().number, 7);
        assert_eq!(nights.alert.members.keys().collect::<Vec<_>>(), ["2026-12-02"]);
    }

    #[test]
    fn an_opening_that_was_never_tried_is_struck_and_one_in_doubt_is_closed_once_it_is_found() {
        let mut nights = Nights::new();
        nights.reported(day(1)).told();
        nights.reported(day(2));
        let next = [("tell", EffectKind::Open, day(2)), ("strike", EffectKind::Open, day(1))];
        assert_eq!(nights.told(), next);
        nights.begun(day(2)).reported(day(3));
        let next = [("tell", EffectKind::Open, day(3)), ("tell", EffectKind::Close, day(2))];
        assert_eq!(nights.told(), next);
        nights.opened(day(2), 8);
        assert_eq!(nights.alert.issue_of(number(day(2))).unwrap().number, 8);
        assert_eq!((nights.alert.issue, nights.told()), (None, vec![]));
    }

    #[test]
    fn what_a_person_closes_or_deletes_is_left_alone() {
        for sighted in [Sighted::Closed, Sighted::Gone] {
            let mut nights = Nights::new();
            nights.reported(day(1)).opened(day(1), 7).told();
            nights.happens(&Event::Seen { sighted, labels: Vec::new() });
            nights.hour += 30 * 24;
            nights.happens(&Event::Woken).reported(day(1));
            assert_eq!(nights.told(), []);
            nights.reported(day(2));
            assert_eq!(nights.told(), [("tell", EffectKind::Open, day(2))], "{sighted:?}");
        }
    }

    #[test]
    fn a_clock_that_was_ahead_costs_no_night() {
        let mut nights = Nights::new();
        nights.reported(day(9)).opened(day(9), 7).told();
        nights.reported(day(1)).reported(day(1));
        // Its number is the next one.
        let next = [("tell", EffectKind::Open, day(10)), ("tell", EffectKind::Close, day(9))];
        assert_eq!(nights.told(), next);
    }

    #[test]
    fn an_episode_says_on_which_day_its_night_ended() {
        for day in ["1970-01-01", "2026-11-30", "2028-02-29", "9999-12-31"] {
            let day: Date = day.parse().unwrap();
            assert_eq!(day_of(number(day)), day);
        }
        assert_eq!(day_of(u64::MAX), Date::MAX);
        assert_eq!(number("1969-12-31".parse().unwrap()), 0);
    }
}
