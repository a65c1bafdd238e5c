//! What does a plugin say? The convention is that of Nagios and its heirs.

use std::time::Duration;

use serde::Deserialize;

use super::{Turn, failure, success, unknown, with};
use crate::agent::child::{self, Ended};
use crate::agent::settings::{positive, ten_seconds};
use crate::check::Observation;
use crate::observation::{PAIR_BYTES, PAIRS_MAX};

/// A program that exits 0 (well), 1 (warning), 2 (critical) or 3 (cannot tell). Its first
/// line is the summary; what follows a `|` are measured values.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Command {
    pub(crate) name: String,
    #[serde(default = "ten_seconds", deserialize_with = "positive")]
    pub(crate) timeout: jiff::SignedDuration,
    /// The program and its arguments; no shell is involved.
    pub(crate) command: Vec<String>,
}

impl Command {
    pub(super) async fn look(&self, limit: Duration, turn: &Turn) -> Observation {
        let Some((program, arguments)) = self.command.split_first() else {
            return unknown("its `command` is empty".to_owned());
        };
        let (code, stdout, stderr) = match child::run(program, arguments, limit, turn).await {
            Ended::Exited { code, stdout, stderr } => (code, stdout, stderr),
            Ended::TimedOut => {
                return unknown(format!("{program} did not end within {limit:?}, and was killed"));
            }
            Ended::NotStarted(error) => {
                return unknown(format!("{program} cannot be started: {error}"));
            }
        };
        let Said { summary, details, numbers } = Said::read(&stdout);
        let or = |words: &str| if summary.is_empty() { words.to_owned() } else { summary.clone() };
        let mut observation = match code {
            Some(0) => success(or("OK")),
            Some(1) => failure(or("WARNING, without a word")),
            Some(2) => failure(or("CRITICAL, without a word")),
            Some(3) => unknown(or("UNKNOWN, without a word")),
            Some(code) => {
                unknown(format!("{program} exited {code}, which means nothing: {}", or("no word")))
            }
            None => unknown(format!("{program} was killed by a signal")),
        };
        observation.details = match (details.is_empty(), stderr.trim()) {
            (_, "") => details,
            (true, stderr) => stderr.to_owned(),
            (false, stderr) => format!("{details}\n{stderr}"),
        };
        for (name, value) in numbers {
            observation = with(observation, &name, value);
        }
        observation
    }
}

/// What a plugin printed.
#[derive(Debug, PartialEq)]
struct Said {
    summary: String,
    details: String,
    numbers: Vec<(String, f64)>,
}

impl Said {
    fn read(output: &str) -> Self {
        let mut lines = output.lines();
        let (summary, data) = split(lines.next().unwrap_or_default());
        let (mut data, mut details) = (data.to_owned(), String::new());
        // From the first bar in the further lines on, all that follows is data.
        let mut in_data = false;
        for line in lines {
            let (text, more) = if in_data { ("", line) } else { split(line) };
            in_data |= line.contains('|');
            details.push_str(text.trim_end());
            details.push('\n');
            data.push(' ');
            data.push_str(more);
        }
        Self {
            summary: summary.trim().to_owned(),
            details: details.trim().to_owned(),
            numbers: numbers(&data),
        }
    }
}

/// What stands before the first bar and what behind it.
fn split(line: &str) -> (&str, &str) {
    line.split_once('|').unwrap_or((line, ""))
}

/// Values of `'label'=value[unit];warn;crit;min;max`, separated by blanks. What is not
/// written like that is left out.
fn numbers(data: &str) -> Vec<(String, f64)> {
    let mut numbers = Vec::new();
    let mut rest = data.trim_start();
    while !rest.is_empty() && numbers.len() < PAIRS_MAX {
        let (label, behind) = match rest.strip_prefix('\'') {
            Some(quoted) => quoted.split_once('\'').unwrap_or((quoted, "")),
            None => rest.split_at(rest.find(['=', ' ']).unwrap_or(rest.len())),
        };
        let (value, next) = behind.split_once(char::is_whitespace).unwrap_or((behind, ""));
        if let Some(value) = value.strip_prefix('=') {
            let value = value.split(';').next().unwrap_or_default();
            // Of a number with a decimal comma half would be read, which is another number.
            let value = if value.contains(',') { "" } else { value };
            let until = |is_part: fn(char) -> bool| {
                value[..value.find(|c| !is_part(c)).unwrap_or(value.len())].parse().ok()
            };
            // A unit follows at once, and may begin like an exponent.
            let value = until(|c| matches!(c, '0'..='9' | '.' | '-' | '+' | 'e' | 'E'))
                .or_else(|| until(|c| matches!(c, '0'..='9' | '.' | '-' | '+')));
            let is_name = (1..=PAIR_BYTES).contains(&label.len());
            numbers.extend(value.filter(|_| is_name).map(|value| (label.to_owned(), value)));
        }
        rest = next.trim_start();
    }
    numbers
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plugins_words_and_numbers_are_told_apart() {
        let said = Said::read(
            "DISK OK - free space: / 3326 MB | /=2643MB;5948;5958;0;5968\n\
             / 15272 MB (77%);\n/boot 68 MB (69%) | /boot=68MB;88;93;0;98\n\
             '/var/log files'=12.5%;;;0 broken=U x\n",
        );
        assert_eq!(said.summary, "DISK OK - free space: / 3326 MB");
        assert_eq!(said.details, "/ 15272 MB (77%);\n/boot 68 MB (69%)");
        let numbers = [("/", 2643.0), ("/boot", 68.0), ("/var/log files", 12.5)];
        assert_eq!(said.numbers, numbers.map(|(name, value)| (name.to_owned(), value)));
    }

    #[test]
    fn no_output_and_odd_data_do_no_harm() {
        assert_eq!(Said::read("").summary, "");
        let pair = |name: &str, value| (name.to_owned(), value);
        assert_eq!(numbers("= == a= =1 b=1e9 c=2E; 'd=2"), [pair("b", 1e9), pair("c", 2.0)]);
        let odd = "a=nan b=inf c=-1.5;0,1 d=0,004s e=1.5.2 f='3' g=4%\u{7}";
        assert_eq!(numbers(odd), [pair("c", -1.5), pair("g", 4.0)]);
    }
}
