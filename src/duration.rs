//! Durations as people write them: `250ms`, `20s`, `10m`, `1h 30m`, `7d`.

use jiff::{SignedDuration, Span, SpanRelativeTo};

/// Longer than any sensible setting, and short enough for all arithmetic.
const DURATION_MAX: SignedDuration = SignedDuration::from_hours(10 * 365 * 24);

/// Reads a duration with its unit, from zero on. A day has 24 hours.
pub fn parse(text: &str) -> Option<SignedDuration> {
    let span: Span = text.trim().parse().ok()?;
    let duration = span.to_duration(SpanRelativeTo::days_are_24_hours()).ok()?;
    (SignedDuration::ZERO..=DURATION_MAX).contains(&duration).then_some(duration)
}

/// The same for one of more than zero; or what is expected.
pub fn parse_positive(text: &str) -> Result<SignedDuration, String> {
    parse(text).filter(SignedDuration::is_positive).ok_or_else(|| {
        r#"expected a duration of more than zero with its unit, such as "5m", "20s" or "7d""#
            .to_owned()
    })
}
