//! What is news of a check, and what only its beat.

use jiff::SignedDuration;

use super::super::{Input, Kind, Observation, step};
use super::{at, new, policy};

#[test]
fn what_is_repeated_is_no_news_and_every_other_word_is() {
    let said = |change: &dyn Fn(&mut Observation)| {
        let mut observation = Observation::new(Kind::Success, "41 % full");
        observation.details = "df".to_owned();
        observation.numbers.insert("used".to_owned(), 41.0);
        observation.labels.insert("team".to_owned(), "storage".to_owned());
        observation.interval = Some(SignedDuration::from_secs(60));
        change(&mut observation);
        observation
    };
    let hear = |check, observation: &Observation, second| {
        step(&policy(), &<_>::default(), check, false, Input::Observed(observation), at(second))
    };
    let (check, first) = hear(new(), &said(&|_| {}), 1);
    assert!(first.is_news);
    let again = said(&|it| it.observed_at = Some(at(7)));
    let (beaten, none) = hear(check.clone(), &again, 2);
    assert!(!none.is_news);
    let beat = beaten.beat().unwrap();
    let mut kept = check.clone();
    kept.beat_by(beat);
    assert_eq!(kept, beaten);

    let changes: [&dyn Fn(&mut Observation); 8] = [
        &|it| it.kind = Kind::Failure,
        &|it| it.kind = Kind::Unknown,
        &|it| it.summary.push('!'),
        &|it| it.details.push('!'),
        &|it| it.numbers = [("used".to_owned(), 42.0)].into(),
        &|it| it.numbers.extend([("free".to_owned(), 59.0)]),
        &|it| it.labels.clear(),
        &|it| it.interval = Some(SignedDuration::from_secs(61)),
    ];
    for (number, change) in changes.into_iter().enumerate() {
        let (heard, news) = hear(check.clone(), &said(change), 2);
        assert!(news.is_news, "change {number}");
        let latest = heard.latest.unwrap();
        let expected = said(change);
        assert_eq!((latest.kind, &*latest.summary), (expected.kind, &*expected.summary));
        assert_eq!(*latest.details, *expected.details);
        assert_eq!(latest.numbers, expected.numbers);
        assert_eq!(heard.labels, expected.labels);
        assert_eq!(heard.interval, expected.interval);
    }
}
