//! Text on its way into Gitea: what its databases take, and how much of it.
//!
//! Every function here is pure and keeps its output within a stated limit. Making text
//! from outside harmless is the business of whoever writes the text.

use std::borrow::Cow;

/// The longest title, in bytes: what every version and database of Gitea stores.
pub const TITLE_LIMIT_BYTES: usize = 255;

/// The longest body, in bytes, before the note that something was cut off. Gitea has no limit
/// of its own, but people do, and some databases and proxies.
pub const BODY_LIMIT_BYTES: usize = 60_000;

/// A title: one line without control characters, never empty, at most
/// [`TITLE_LIMIT_BYTES`].
pub fn title(text: &str) -> String {
    let title = one_line(text);
    let title = if title.is_empty() { "(no title)".to_owned() } else { title };
    match cut(&title, TITLE_LIMIT_BYTES) {
        Cow::Borrowed(_) => title,
        Cow::Owned(cut) => cut,
    }
}

/// A body: without control characters other than tab and line ends, which some databases
/// refuse, and at most [`BODY_LIMIT_BYTES`] plus a note.
///
/// What must not be lost belongs at the beginning.
pub fn body(text: &str) -> String {
    limited(&clean(text), BODY_LIMIT_BYTES)
}

/// Unix line ends, and no control or direction-changing characters but tab and line end.
fn clean(text: &str) -> String {
    let text = text.replace("\r\n", "\n").replace('\r', "\n");
    text.chars().filter(|c| matches!(c, '\n' | '\t') || !is_unwelcome(*c)).collect()
}

/// All in one line, words separated by one blank.
fn one_line(text: &str) -> String {
    let words = text.split(|c: char| c.is_whitespace() || c.is_control());
    let words = words.map(|word| word.replace(is_unwelcome, "")).filter(|word| !word.is_empty());
    words.collect::<Vec<_>>().join(" ")
}

/// Control characters, and those that make text read other than it is written.
fn is_unwelcome(c: char) -> bool {
    c.is_control() || matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// At most `limit` bytes, with an ellipsis in place of what is missing.
fn cut(text: &str, limit: usize) -> Cow<'_, str> {
    const ELLIPSIS: char = '…';
    if text.len() <= limit {
        return Cow::Borrowed(text);
    }
    let end = text.floor_char_boundary(limit - ELLIPSIS.len_utf8());
    Cow::Owned(format!("{}{ELLIPSIS}", text[..end].trim_end()))
}

/// At most `limit` bytes, and a note if there was more.
fn limited(text: &str, limit: usize) -> String {
    if text.len() <= limit {
        return text.to_owned();
    }
    let end = text.floor_char_boundary(limit);
    format!("{}\n[{} more bytes were cut off]", &text[..end], text.len() - end)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_title_is_one_line_of_at_most_255_bytes() {
        assert_eq!(title(" a\r\n\tb\0c  d\u{7} "), "a b c d");
        assert_eq!(title("\u{202e}gnp.exe"), "gnp.exe");
        assert_eq!(title(" \n "), "(no title)");
        assert_eq!(title(&"x".repeat(255)), "x".repeat(255));
        assert_eq!(title(&"x".repeat(256)), format!("{}…", "x".repeat(252)));
        assert_eq!(title(&"é".repeat(200)).len(), 255, "126 letters of two bytes, one ellipsis");
        assert_eq!(title(&"中".repeat(100)), format!("{}…", "中".repeat(84)));
    }

    #[test]
    fn a_body_loses_what_databases_refuse_and_says_what_was_cut_off() {
        assert_eq!(body("a\0b\r\nc\td\u{1b}[0m"), "ab\nc\td[0m");
        let long = body(&"é".repeat(40_000));
        assert!(long.ends_with("é\n[20000 more bytes were cut off]"), "{}", &long[59_990..]);
    }

    /// Text with many of the characters that matter.
    fn awkward() -> impl Strategy<Value = String> {
        let pieces = prop_oneof![
            6 => "[-`@#!<>&;/\\[\\\\ \n\r\0\t_.a-f0-9]{0,12}",
            2 => prop::sample::select(vec![
                "<!--", "-->", "issues/", "/pulls/", "@", "#1", "0123456789abcdef", "&#", "``````",
                "\u{200b}", "é", "中", "\u{202e}", "\u{2028}",
            ]).prop_map(str::to_owned),
            1 => any::<String>(),
        ];
        prop::collection::vec(pieces, 0..24).prop_map(|pieces| pieces.concat())
    }

    proptest! {
        #[test]
        fn titles_fit_and_have_no_control_characters(text in awkward()) {
            let title = title(&text);
            prop_assert!((1..=TITLE_LIMIT_BYTES).contains(&title.len()));
            prop_assert!(!title.contains(char::is_control));
            prop_assert_eq!(super::title(&title), title.clone());
        }

    }
}
