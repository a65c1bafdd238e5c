//! The commands that people write into comments: reading them, and what is wrong with them.
//!
//! A command is a line of its own in a plain paragraph. Whether that is so is for Markdown
//! to say: what the page shows as code, as a quote, in a list or not at all is no command.

use std::ops::Range;

use jiff::SignedDuration;
use pulldown_cmark::{Event, Options, Parser, Tag};
use serde::{Deserialize, Serialize};

use super::markdown::{line, shorten};
use super::words::human;
use crate::duration;

/// A longer comment, in bytes, is not read for commands.
pub const COMMENT_MAX: usize = 64 * 1024;
/// More commands than this in one comment, and none of them is obeyed.
pub const COMMANDS_MAX: usize = 10;
/// An acknowledgement or a silence lasts no longer.
pub const LASTS_MAX: SignedDuration = SignedDuration::from_hours(30 * 24);
/// The longest reason of a silence that is kept, in bytes.
pub const WHY_MAX: usize = 200;
/// A longer word after a slash is no command, nor a command misspelt.
const WORD_MAX: usize = 20;
/// A duration has no more words.
const DURATION_WORDS_MAX: usize = 6;

/// What a person wants of an alert.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "command", rename_all = "snake_case")]
pub enum Command {
    /// No reminders for so long, or until recovery.
    Ack {
        lasts: Option<SignedDuration>,
    },
    /// Nothing is written for so long.
    Silence {
        lasts: SignedDuration,
        why: String,
    },
    Unsilence,
    /// The issue is not closed on recovery.
    Hold,
    Unhold,
    Close,
    Reopen,
    /// How is it?
    Status,
    /// What can be said?
    Help,
}

/// Every command: its name, how it is written, and what it does.
pub const COMMANDS: [(&str, &str, &str); 9] = [
    ("ack", "/ack [2h]", "no reminders for that long or until recovery; changes are still told"),
    ("silence", "/silence 2h [why]", "nothing is written for that long; then, once, what fails"),
    ("unsilence", "/unsilence", "ends the silence"),
    ("hold", "/hold", "the issue stays open on recovery"),
    ("unhold", "/unhold", "it is closed on recovery again"),
    ("close", "/close", "closes the issue, like doing it by hand"),
    ("reopen", "/reopen", "reopens it, like doing it by hand"),
    ("status", "/status", "a comment that says how it is"),
    ("help", "/help", "this list"),
];

/// Why a command cannot be obeyed as it is written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Mistake {
    /// There is no such command; perhaps this one was meant.
    Unknown { word: String, meant: Option<&'static str> },
    /// It takes something else after its name than what is there.
    Argument { name: &'static str, given: String },
    /// It shall last longer than anything may.
    Lasts { name: &'static str, given: SignedDuration },
    /// There are too many in one comment.
    TooMany,
    /// There may be commands in it, and it is too long to look.
    TooLong,
}

impl Command {
    /// How long it lasts, if it says so.
    pub fn lasts(&self) -> Option<SignedDuration> {
        match self {
            Self::Ack { lasts } => *lasts,
            Self::Silence { lasts, .. } => Some(*lasts),
            Self::Unsilence
            | Self::Hold
            | Self::Unhold
            | Self::Close
            | Self::Reopen
            | Self::Status
            | Self::Help => None,
        }
    }

    /// What stands after the slash.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Ack { .. } => "ack",
            Self::Silence { .. } => "silence",
            Self::Unsilence => "unsilence",
            Self::Hold => "hold",
            Self::Unhold => "unhold",
            Self::Close => "close",
            Self::Reopen => "reopen",
            Self::Status => "status",
            Self::Help => "help",
        }
    }
}

impl Mistake {
    /// What is wrong, in a sentence of Markdown.
    pub fn sentence(&self) -> String {
        match self {
            Self::Unknown { word, meant: Some(meant) } => {
                format!("There is no command `/{word}`. Did you mean `/{meant}`?")
            }
            Self::Unknown { word, meant: None } => {
                format!("There is no command `/{word}`; `/help` lists those that there are.")
            }
            Self::Argument { name, given } => {
                let usage = COMMANDS.iter().find(|(known, ..)| known == name);
                let usage = usage.map_or("/help", |(_, usage, _)| *usage);
                match given.as_str() {
                    "" => format!("`/{name}` needs to know for how long: `{usage}`."),
                    given => format!(
                        "`/{name}` cannot make anything of \"{}\": write `{usage}`.",
                        line(&shorten(given, WORD_MAX * 2))
                    ),
                }
            }
            Self::Lasts { name, given } => {
                format!("`/{name}` can last {} at most, not {}.", human(LASTS_MAX), human(*given))
            }
            Self::TooMany => format!(
                "There are more than {COMMANDS_MAX} commands in one comment: none of them was \
                 obeyed."
            ),
            Self::TooLong => format!(
                "The comment is longer than {} KiB: no command in it was obeyed.",
                COMMENT_MAX / 1024
            ),
        }
    }
}

/// The commands in a comment, in their order, and what is wrong with those that are none.
pub fn read(comment: &str) -> Vec<Result<Command, Mistake>> {
    if comment.len() > COMMENT_MAX {
        let is_one = |text: &str| word(text).is_some_and(|(word, _)| name(&word).is_some());
        return if comment.lines().any(is_one) { vec![Err(Mistake::TooLong)] } else { Vec::new() };
    }
    let text = comment.replace("\r\n", "\n").replace('\r', "\n");
    let mut found: Vec<_> =
        plain_lines(&text).iter().filter_map(|text| word(text)).take(COMMANDS_MAX + 1).collect();
    if found.len() > COMMANDS_MAX {
        return vec![Err(Mistake::TooMany)];
    }
    found.drain(..).map(|(word, rest)| parse(word, rest)).collect()
}

/// The lines of all paragraphs that stand in nothing else, but for those that begin in the
/// middle of something: of code, of a link, of a comment that is not shown.
fn plain_lines(text: &str) -> Vec<&str> {
    let options = Options::ENABLE_TABLES
        | Options::ENABLE_STRIKETHROUGH
        | Options::ENABLE_TASKLISTS
        | Options::ENABLE_GFM;
    let mut lines = Vec::new();
    let mut depth = 0_usize;
    let mut paragraph = None;
    let mut inner = Vec::new();
    for (event, range) in Parser::new_ext(text, options).into_offset_iter() {
        if let Event::Start(tag) = event {
            if depth == 0 {
                paragraph = (tag == Tag::Paragraph).then_some(range);
                inner.clear();
            } else {
                inner.push(range);
            }
            depth += 1;
        } else if let Event::End(_) = event {
            depth = depth.saturating_sub(1);
            if let Some(whole) = paragraph.take_if(|_| depth == 0) {
                put_lines(text, whole, &inner, &mut lines);
            }
        } else if matches!(event, Event::Code(_) | Event::InlineHtml(_)) {
            inner.push(range);
        }
    }
    lines
}

/// The lines of a paragraph that do not begin in the middle of anything `inner`.
fn put_lines<'a>(
    text: &'a str,
    whole: Range<usize>,
    inner: &[Range<usize>],
    lines: &mut Vec<&'a str>,
) {
    let mut at = whole.start;
    // What is inner comes in its order, so each is passed but once.
    let mut inner = inner.iter().peekable();
    for line in text[whole].split_inclusive('\n') {
        let begin = at + (line.len() - line.trim_start().len());
        at += line.len();
        while inner.next_if(|range| range.end <= begin).is_some() {}
        if inner.peek().is_none_or(|range| begin <= range.start) {
            lines.push(line.trim());
        }
    }
}

/// The word after the slash, in small letters, and what follows it.
fn word(line: &str) -> Option<(String, &str)> {
    let rest = line.trim().strip_prefix('/')?;
    let (word, rest) = rest.split_once(char::is_whitespace).unwrap_or((rest, ""));
    let is_word =
        (1..=WORD_MAX).contains(&word.len()) && word.bytes().all(|b| b.is_ascii_alphabetic());
    is_word.then(|| (word.to_ascii_lowercase(), rest.trim()))
}

fn name(word: &str) -> Option<&'static str> {
    COMMANDS.iter().map(|(name, ..)| *name).find(|name| *name == word)
}

fn parse(word: String, rest: &str) -> Result<Command, Mistake> {
    let Some(name) = name(&word) else {
        let meant = nearest(&word);
        return Err(Mistake::Unknown { word, meant });
    };
    let wrong = || Mistake::Argument { name, given: rest.to_owned() };
    let alone = |command| if rest.is_empty() { Ok(command) } else { Err(wrong()) };
    match name {
        "ack" if rest.is_empty() => Ok(Command::Ack { lasts: None }),
        "ack" => match lasting(name, rest)?.ok_or_else(wrong)? {
            (lasts, "") => Ok(Command::Ack { lasts: Some(lasts) }),
            _ => Err(wrong()),
        },
        "silence" => {
            let (lasts, why) = lasting(name, rest)?.ok_or_else(wrong)?;
            Ok(Command::Silence { lasts, why: shorten(why, WHY_MAX) })
        }
        "unsilence" => alone(Command::Unsilence),
        "hold" => alone(Command::Hold),
        "unhold" => alone(Command::Unhold),
        "close" => alone(Command::Close),
        "reopen" => alone(Command::Reopen),
        "status" => alone(Command::Status),
        _ => alone(Command::Help),
    }
}

/// The duration at the beginning of `text`, as long as it goes on, and the rest.
fn lasting<'a>(
    name: &'static str,
    text: &'a str,
) -> Result<Option<(SignedDuration, &'a str)>, Mistake> {
    let ends = text.char_indices().filter(|(_, c)| c.is_whitespace()).map(|(at, _)| at);
    let ends: Vec<_> = ends.chain([text.len()]).take(DURATION_WORDS_MAX).collect();
    let read = |&end: &usize| {
        let given = duration::parse_positive(&text[..end]).ok()?;
        Some((given, text[end..].trim()))
    };
    match ends.iter().rev().find_map(read) {
        Some((given, _)) if given > LASTS_MAX => Err(Mistake::Lasts { name, given }),
        found => Ok(found),
    }
}

/// The command that is spelt most alike, if any is.
fn nearest(word: &str) -> Option<&'static str> {
    let apart = |name: &str| strsim::damerau_levenshtein(word, name);
    let names = COMMANDS.iter().map(|(name, ..)| (apart(name), *name));
    let (apart, name) = names.min_by_key(|(apart, _)| *apart)?;
    (apart <= 2 && apart < word.len()).then_some(name)
}
