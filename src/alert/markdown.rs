//! Text from outside, made harmless in Markdown and still readable.
//!
//! Whoever may report may choose these texts, so they must not notify people, make
//! references between issues, close our HTML comments, or pass for our markers.

/// The longest text from outside that is shown in one place, in bytes. What arrives is
/// cut earlier, at the door; this is the last guard.
pub const OUTSIDE_MAX: usize = 4_000;

/// The longest fence that is written. Runs of backticks beyond it are broken up, so that
/// a text of backticks cannot double the size of an issue.
const FENCE_MAX: usize = 32;

/// A blank of no width: it separates what Gitea would otherwise read as one word.
const ZERO_WIDTH: char = '\u{200b}';

/// One line that is shown as it is: no mention, reference, comment, markup or line break.
///
/// Characters that mean something in Markdown are escaped with a backslash; `@`, `#` and
/// `!`, which make mentions and references, are followed by a blank of no width.
pub fn line(text: &str) -> String {
    let mut shown = String::with_capacity(text.len() + text.len() / 8);
    for c in text.chars() {
        match c {
            '<' => shown.push_str("&lt;"),
            '>' => shown.push_str("&gt;"),
            '&' => shown.push_str("&amp;"),
            '@' | '#' | '!' => {
                shown.push('\\');
                shown.push(c);
                shown.push(ZERO_WIDTH);
            }
            '\\' | '`' | '*' | '_' | '[' | ']' | '|' | '~' | '$' => {
                shown.push('\\');
                shown.push(c);
            }
            c if is_unwelcome(c) => shown.push(' '),
            c => shown.push(c),
        }
    }
    // An address of an issue makes a reference as well.
    break_commits(&shown).replace("://", ":\u{200b}//")
}

/// What [`line()`] was made from, but for characters that it replaced.
pub fn read_line(shown: &str) -> String {
    let mut text = String::with_capacity(shown.len());
    let mut chars = shown.chars().filter(|&c| c != ZERO_WIDTH);
    while let Some(c) = chars.next() {
        match c {
            '\\' => text.extend(chars.next()),
            c => text.push(c),
        }
    }
    text.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")
}

/// A title from outside: one line without markup of its own, since titles are not
/// rendered, but their mentions and references are.
pub fn title(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '@' | '#' | '!' => shown.extend([c, ZERO_WIDTH]),
            c if is_unwelcome(c) => shown.push(' '),
            c => shown.push(c),
        }
    }
    // Gitea reads the address of an issue in a title as well.
    break_commits(&shown).replace("://", ":\u{200b}//")
}

/// Several lines in a code block that they cannot leave.
///
/// HTML comments are broken up all the same: a line of this block must not look like one
/// of our markers to whoever reads the text and not the page.
pub fn block(text: &str) -> String {
    // Carriage returns go first: what they kept apart, backticks or the parts of a comment,
    // comes together without them.
    let text = text[..floor_boundary(text, OUTSIDE_MAX)]
        .replace('\r', "")
        .replace("<!--", "<!\u{200b}--")
        .replace("-->", "--\u{200b}>");
    let mut body = String::with_capacity(text.len());
    let (mut run, mut longest) = (0, 0);
    for c in text.chars() {
        if c == '`' {
            if run == FENCE_MAX {
                body.push(ZERO_WIDTH);
                run = 0;
            }
            run += 1;
            longest = longest.max(run);
        } else {
            run = 0;
        }
        match c {
            '\n' | '\t' => body.push(c),
            c if is_unwelcome(c) => body.push('\u{fffd}'),
            c => body.push(c),
        }
    }
    let fence = "`".repeat((longest + 1).max(3));
    format!("{fence}text\n{}\n{fence}", body.trim_end_matches('\n'))
}

/// At most `max` bytes of the beginning of `text`, with an ellipsis if it was cut.
pub fn shorten(text: &str, max: usize) -> String {
    if text.len() <= max {
        return text.to_owned();
    }
    format!("{}…", &text[..floor_boundary(text, max.saturating_sub('…'.len_utf8()))])
}

/// Breaks up words that Gitea would take for a commit. Numbers are let through: they are
/// far more often numbers.
fn break_commits(text: &str) -> String {
    const COMMIT_MIN: usize = 7;
    let is_commit = |word: &str| {
        word.len() >= COMMIT_MIN
            && word.bytes().all(|b| b.is_ascii_hexdigit())
            && word.bytes().any(|b| b.is_ascii_alphabetic())
    };
    let mut shown = String::with_capacity(text.len());
    for piece in text.split_inclusive(|c: char| !c.is_ascii_alphanumeric()) {
        let word = piece.trim_end_matches(|c: char| !c.is_ascii_alphanumeric());
        let breaks = if is_commit(word) { word.len().div_ceil(COMMIT_MIN - 1) } else { 0 };
        for n in 1..breaks {
            shown.push_str(&word[(n - 1) * (COMMIT_MIN - 1)..n * (COMMIT_MIN - 1)]);
            shown.push(ZERO_WIDTH);
        }
        shown.push_str(&piece[breaks.saturating_sub(1) * (COMMIT_MIN - 1)..]);
    }
    shown
}

/// Control characters, and those that make text read other than it is written.
fn is_unwelcome(c: char) -> bool {
    c.is_control() || matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

fn floor_boundary(text: &str, at: usize) -> usize {
    (0..=at.min(text.len())).rev().find(|&at| text.is_char_boundary(at)).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn mentions_references_comments_and_markup_do_nothing_in_a_line() {
        let shown = line("@all #1 o/r#2 !3 <!-- x --> `a` [b](c) https://e.org a|b\nc");
        for active in ["@all", "#1", "#2", "!3", "<!--", "-->", "://", "\n"] {
            assert!(!shown.contains(active), "{active} in {shown}");
        }
        assert!(shown.contains("\\`a\\`") && shown.contains("\\[b\\]") && shown.contains("a\\|b"));
    }

    #[test]
    fn what_looks_like_a_commit_makes_no_reference_and_a_number_stays_a_number() {
        let shown = line("see 0ab1c2d3e4f5 and deadbeef, 12345678 bytes, abcdef");
        for commit in ["0ab1c2d", "deadbee"] {
            assert!(!shown.contains(commit), "{shown}");
        }
        assert!(shown.contains("12345678 bytes, abcdef"), "{shown}");
        assert_eq!(
            shown.replace(ZERO_WIDTH, ""),
            "see 0ab1c2d3e4f5 and deadbeef, 12345678 bytes, abcdef"
        );
    }

    #[test]
    fn a_block_of_20_000_backticks_stays_a_block() {
        let shown = block(&"`".repeat(20_000));
        let fence = shown.split("text\n").next().unwrap().to_owned();
        assert_eq!(fence.len(), FENCE_MAX + 1);
        assert!(shown.len() < 2 * OUTSIDE_MAX, "{}", shown.len());
        assert!(shown.ends_with(&fence));
    }

    #[test]
    fn what_a_carriage_return_kept_apart_does_no_harm_without_it() {
        assert_eq!(block("`\r``"), "````text\n```\n````");
        assert!(!block("<\r!-- x --\r>").contains("<!--"));
    }

    proptest! {
        #[test]
        fn no_text_leaves_its_block(text in "(`{1,40}|<!-- teawatch:|-->|\n|[a-z\u{e9}\r\0]{0,9}){0,20}") {
            let shown = block(&text);
            let fence = shown.lines().next().unwrap().trim_end_matches("text");
            let closing = shown.lines().filter(|line| line.trim_start().starts_with(fence)).count();
            // The first line opens and the last closes.
            prop_assert_eq!(closing, 2);
            prop_assert!(!shown.contains("<!--") && !shown.contains('\0'));
        }

        #[test]
        fn a_line_is_read_back(text in "[ -~\u{e9}]{0,60}") {
            prop_assert_eq!(read_line(&line(&text)), text);
        }

        #[test]
        fn cutting_keeps_the_limit_and_characters_whole(text in ".{0,200}", max in 0_usize..100) {
            prop_assert!(shorten(&text, max).len() <= max.max('…'.len_utf8()));
        }
    }
}
