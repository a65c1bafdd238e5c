//! How much of an observation's texts is kept.

use super::{PAIR_BYTES, PAIRS_MAX};
use crate::check::Observation;

/// Kept of a summary, in bytes.
pub(super) const SUMMARY_MAX: usize = 500;
/// Kept of the details, in bytes; the middle is left out.
pub(super) const DETAILS_MAX: usize = 3_000;

/// An observation as a report may hold it: what would be cut is cut, and what would be
/// refused is left out, so that nothing else is lost for it.
pub fn fit(mut observation: Observation) -> Observation {
    cut(&mut observation, SUMMARY_MAX, DETAILS_MAX);
    let is_short = |text: &str| text.len() <= PAIR_BYTES && !text.chars().any(char::is_control);
    observation.numbers.retain(|name, value| is_short(name) && value.is_finite());
    while observation.numbers.len() > PAIRS_MAX {
        observation.numbers.pop_last();
    }
    observation.labels.retain(|name, value| is_short(name) && is_short(value));
    while observation.labels.len() > PAIRS_MAX {
        observation.labels.pop_last();
    }
    observation
}

/// Cuts the texts of an observation: so many bytes of the summary, and of the details.
pub fn cut(observation: &mut Observation, summary: usize, details: usize) {
    let Observation { summary: line, details: lines, .. } = observation;
    line.truncate(boundary_before(line, summary));
    if details == 0 {
        lines.clear();
    } else if lines.len() > details {
        *lines = head_and_tail(lines, details);
    }
}

/// At most `max` bytes of `words` and an ellipsis; their middle is left out.
pub fn brief(words: &str, max: usize) -> String {
    if words.len() <= max {
        return words.to_owned();
    }
    let head = words.floor_char_boundary(max / 2);
    let tail = words.ceil_char_boundary(words.len() - max / 2);
    format!("{}…{}", &words[..head], &words[tail..])
}

/// At most `max` bytes of the beginning of `text`, cut between characters.
pub(super) fn head(text: &str, max: usize) -> String {
    text[..boundary_before(text, max)].to_owned()
}

/// At most about `max` bytes of `text`: its head and its tail, and a word on what is
/// missing. Both ends of a long output say more than its middle.
pub(super) fn head_and_tail(text: &str, max: usize) -> String {
    if text.len() <= max {
        return text.to_owned();
    }
    let head = boundary_before(text, max / 2);
    let tail = boundary_before(text, text.len() - max / 2);
    format!("{}\n[... {} bytes left out ...]\n{}", &text[..head], tail - head, &text[tail..])
}

fn boundary_before(text: &str, at: usize) -> usize {
    (0..=at.min(text.len())).rev().find(|&at| text.is_char_boundary(at)).unwrap_or(0)
}
