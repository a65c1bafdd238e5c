//! Stretches of time, and how long they are without others.

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

/// A stretch of time. Its end is no longer in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Span {
    pub from: Timestamp,
    pub until: Timestamp,
}

impl Span {
    pub fn length(self) -> SignedDuration {
        self.until.duration_since(self.from)
    }

    pub fn has(self, at: Timestamp) -> bool {
        (self.from..self.until).contains(&at)
    }

    /// The part that is in `other` as well, if there is one.
    pub fn within(self, other: Self) -> Option<Self> {
        let (from, until) = (self.from.max(other.from), self.until.min(other.until));
        (from < until).then_some(Self { from, until })
    }
}

/// Stretches of time that count for nothing.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Gaps {
    /// Ascending, none touching another; with each, how long all before it are together.
    spans: Vec<(Span, SignedDuration)>,
    together: SignedDuration,
}

impl Gaps {
    /// All of these, which may overlap.
    pub fn of(spans: impl IntoIterator<Item = Span>) -> Self {
        let mut spans: Vec<_> = spans.into_iter().filter(|span| span.from < span.until).collect();
        spans.sort_unstable();
        let mut apart: Vec<Span> = Vec::new();
        for span in spans {
            match apart.last_mut() {
                Some(last) if span.from <= last.until => last.until = last.until.max(span.until),
                Some(_) | None => apart.push(span),
            }
        }
        let mut gaps = Self::default();
        for span in apart {
            gaps.spans.push((span, gaps.together));
            gaps.together += span.length();
        }
        gaps
    }

    pub fn spans(&self) -> impl Iterator<Item = Span> {
        self.spans.iter().map(|(span, _)| *span)
    }

    /// How long a stretch is without them.
    pub fn rest_of(&self, span: Span) -> SignedDuration {
        span.length() - (self.before(span.until) - self.before(span.from))
    }

    /// How much of them is before this moment.
    fn before(&self, at: Timestamp) -> SignedDuration {
        let next = self.spans.partition_point(|(span, _)| span.from < at);
        let Some((last, before)) = next.checked_sub(1).and_then(|last| self.spans.get(last)) else {
            return SignedDuration::ZERO;
        };
        *before + last.until.min(at).duration_since(last.from)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn span((from, until): (i64, i64)) -> Span {
        let at = |second| Timestamp::from_second(second).unwrap();
        Span { from: at(from), until: at(until) }
    }

    #[test]
    fn what_overlaps_is_taken_off_once() {
        let gaps = Gaps::of([(30, 40), (10, 20), (15, 25), (35, 36), (50, 50), (70, 60)].map(span));
        assert_eq!(gaps.spans().collect::<Vec<_>>(), [(10, 25), (30, 40)].map(span));
        for ((from, until), rest) in [
            ((0, 10), 10),
            ((0, 100), 75),
            ((12, 20), 0),
            ((20, 35), 5),
            ((25, 30), 5),
            ((40, 60), 20),
        ] {
            let length = SignedDuration::from_secs(rest);
            assert_eq!(gaps.rest_of(span((from, until))), length, "{from} to {until}");
        }
    }
}
