//! What is to be said of an outage, and when.

use jiff::{SignedDuration, Timestamp};

use crate::engine::{Outage, Passage};

/// A message that may not have arrived is followed by the next one after this long at most.
const DOUBT_MAX: SignedDuration = SignedDuration::from_hours(1);

/// How patient the fallback channel is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pace {
    /// How long an outage lasts before anybody is told.
    pub after: SignedDuration,
    /// How often it is brought to mind.
    pub every: SignedDuration,
}

/// What people are told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Word {
    /// Nothing has got through for a while.
    Begun,
    /// It lasts.
    Still,
    /// It is over.
    Over,
}

/// What became of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sent {
    /// It arrived.
    Taken,
    /// It certainly did not.
    Refused,
    /// Nobody knows.
    Unknown,
}

/// Judges how things are: what is to be on the disk of it, and then is to be said, if
/// anything is. The record that comes with a word says already that it was said.
pub fn step(
    pace: Pace,
    outage: Option<Outage>,
    passage: &Passage,
    now: Timestamp,
) -> (Option<Outage>, Option<Word>) {
    let is_blocked = !passage.blocked.is_empty();
    let Some(mut outage) = outage else {
        let mut begun = Outage::new(now);
        begun.add(passage.blocked.keys());
        return (is_blocked.then_some(begun), None);
    };
    if outage.over_at.is_some() && outage.in_doubt {
        // Its end was perhaps told when the process ended.
        return (None, None);
    }
    let is_over = !is_blocked && outage.repositories.is_subset(&passage.well);
    if is_over {
        if outage.told_at.is_none() {
            return (None, None);
        }
        outage.over_at.get_or_insert(now);
        outage.in_doubt = true;
        return (Some(outage), Some(Word::Over));
    }
    // It goes on, and nobody was told that it was over.
    outage.over_at = None;
    outage.add(passage.blocked.keys());
    let (word, due) = match outage.told_at {
        None => (Word::Begun, later(outage.since, pace.after)),
        Some(at) if outage.in_doubt => (Word::Still, later(at, pace.every.min(DOUBT_MAX))),
        Some(at) => (Word::Still, later(at, pace.every)),
    };
    if !is_blocked || now < due {
        return (Some(outage), None);
    }
    outage.told_at = Some(now);
    outage.in_doubt = true;
    (Some(outage), Some(word))
}

/// What is to be on the disk once it is known what became of a message: `before` is what was
/// there before it, `with` what came with it.
pub fn learn(
    word: Word,
    before: Option<Outage>,
    with: Option<Outage>,
    sent: Sent,
) -> Option<Outage> {
    match (sent, word) {
        (Sent::Refused, _) => before,
        (Sent::Taken | Sent::Unknown, Word::Over) => None,
        (Sent::Taken, Word::Begun | Word::Still) => {
            with.map(|outage| Outage { in_doubt: false, ..outage })
        }
        (Sent::Unknown, Word::Begun | Word::Still) => with,
    }
}

fn later(at: Timestamp, by: SignedDuration) -> Timestamp {
    at.checked_add(by).unwrap_or(Timestamp::MAX)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    const PACE: Pace =
        Pace { after: SignedDuration::from_mins(10), every: SignedDuration::from_hours(24) };

    fn at(minute: i64) -> Timestamp {
        Timestamp::from_second(minute * 60).unwrap()
    }

    fn passage(blocked: &[&str], well: &[&str]) -> Passage {
        let blocked: BTreeMap<_, _> =
            blocked.iter().map(|name| ((*name).to_owned(), "it is away".to_owned())).collect();
        let well = well.iter().map(|name| (*name).to_owned()).collect();
        Passage { waiting: blocked.len(), blocked, well }
    }

    /// What is said, minute by minute, of each passage and what becomes of each message.
    fn play(script: &[(i64, Passage, Sent)]) -> (Vec<(i64, Word)>, Option<Outage>) {
        let mut outage = None;
        let mut said = Vec::new();
        for (minute, passage, sent) in script {
            let before = outage.clone();
            let (with, word) = step(PACE, outage, passage, at(*minute));
            outage = with.clone();
            if let Some(word) = word {
                said.push((*minute, word));
                outage = learn(word, before, with, *sent);
            }
        }
        (said, outage)
    }

    #[test]
    fn an_outage_is_told_after_a_while_brought_to_mind_daily_and_once_told_to_be_over() {
        let mut script: Vec<_> =
            (0..3_000).map(|minute| (minute, passage(&["a/b"], &[]), Sent::Taken)).collect();
        script.push((3_000, passage(&[], &[]), Sent::Taken));
        script.push((3_001, passage(&[], &["a/b"]), Sent::Taken));
        script.push((3_002, passage(&[], &["a/b"]), Sent::Taken));
        let (said, outage) = play(&script);
        let expected = [
            (10, Word::Begun),
            (10 + 1_440, Word::Still),
            (10 + 2_880, Word::Still),
            (3_001, Word::Over),
        ];
        assert_eq!((said.as_slice(), outage), (&expected[..], None));
    }

    #[test]
    fn what_is_over_before_it_was_told_is_never_told() {
        let script = [
            (0, passage(&["a/b"], &[]), Sent::Taken),
            (9, passage(&["a/b"], &[]), Sent::Taken),
            (10, passage(&[], &["a/b"]), Sent::Taken),
            (11, passage(&["a/b"], &[]), Sent::Taken),
            (20, passage(&["a/b"], &[]), Sent::Taken),
        ];
        assert_eq!(play(&script).0, []);
    }

    #[test]
    fn that_nothing_waits_any_more_is_no_end_as_long_as_nothing_says_so() {
        let script = [
            (0, passage(&["a/b", "c/d"], &[]), Sent::Taken),
            (10, passage(&["a/b"], &[]), Sent::Taken),
            // The alert has recovered, and its opening was struck.
            (20, passage(&[], &[]), Sent::Taken),
            (30, passage(&[], &["a/b"]), Sent::Taken),
            (40, passage(&["c/d"], &["a/b"]), Sent::Taken),
            (50, passage(&[], &["a/b", "c/d"]), Sent::Taken),
        ];
        assert_eq!(play(&script).0, [(10, Word::Begun), (50, Word::Over)]);
    }

    #[test]
    fn a_refused_message_is_due_again_and_a_doubtful_one_makes_the_next_one_come_sooner() {
        let blocked = || passage(&["a/b"], &[]);
        let script = [
            (0, blocked(), Sent::Taken),
            (10, blocked(), Sent::Refused),
            (11, blocked(), Sent::Unknown),
            (12, blocked(), Sent::Taken),
            (70, blocked(), Sent::Taken),
            (71, blocked(), Sent::Taken),
            (72, blocked(), Sent::Taken),
            (80, passage(&[], &["a/b"]), Sent::Refused),
            (81, passage(&[], &["a/b"]), Sent::Unknown),
            (82, passage(&[], &["a/b"]), Sent::Taken),
        ];
        let expected = [
            (10, Word::Begun),
            (11, Word::Begun),
            (71, Word::Still),
            (80, Word::Over),
            (81, Word::Over),
        ];
        assert_eq!(play(&script), (expected.to_vec(), None));
    }

    #[test]
    fn whatever_was_on_the_disk_when_the_process_ended_nothing_is_said_twice() {
        // Ended between the record and the message, or between the message and its answer.
        let mut outage = Some(Outage::new(at(0)));
        if let Some(outage) = &mut outage {
            outage.repositories.insert("a/b".to_owned());
        }
        let (with, word) = step(PACE, outage, &passage(&["a/b"], &[]), at(10));
        assert_eq!(word, Some(Word::Begun));
        let (still, word) = step(PACE, with, &passage(&["a/b"], &[]), at(11));
        assert_eq!(word, None);
        let (with, word) = step(PACE, still, &passage(&[], &["a/b"]), at(12));
        assert_eq!(word, Some(Word::Over));
        assert_eq!(step(PACE, with, &passage(&[], &["a/b"]), at(13)), (None, None));
    }
}
