//! Text on its way into Gitea: limits, and making text from outside harmless.
//!
//! In an issue, plain text acts: `@name` tells people, `#1` leaves a trace in another issue,
//! an HTML comment is invisible. Text that someone else wrote must do none of this. It is
//! made harmless by zero width spaces at the places where it would act, so that it reads as
//! before. Every function here is pure and keeps its output within a stated limit.

use std::borrow::Cow;

/// The longest title, in bytes: what every version and database of Gitea stores.
pub const TITLE_LIMIT_BYTES: usize = 255;

/// The longest body, in bytes, before the note that something was cut off. Gitea has no limit
/// of its own, but people do, and some databases and proxies.
pub const BODY_LIMIT_BYTES: usize = 60_000;

/// The most of one foreign text, in bytes, that goes into a fence.
pub const FENCED_LIMIT_BYTES: usize = 20_000;

/// The most of one foreign text, in bytes, that goes into a line.
pub const INLINE_LIMIT_BYTES: usize = 1_000;

/// Longer runs of backticks are broken up, so that a fence around them stays short.
const BACKTICKS_LIMIT: usize = 16;

/// Breaks what would act, and is not seen.
const ZERO_WIDTH_SPACE: char = '\u{200b}';

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

/// Foreign text as part of a line or paragraph of ours. At most twice its length plus 100
/// bytes, of which [`BODY_LIMIT_BYTES`] are taken. Markdown in it still shapes it; use
/// [`fenced`] or [`inline_code`] for what shall be shown as it is.
pub fn defuse(text: &str) -> String {
    let text = limited(&clean(text), BODY_LIMIT_BYTES);
    let mut harmless = String::with_capacity(text.len() + text.len() / 8);
    let mut before = None;
    let mut hash_ends_at = 0;
    for (at, c) in text.char_indices() {
        if is_word(c) && !before.is_some_and(is_word) {
            let word = text[at..].split(|c| !is_word(c)).next().unwrap_or_default();
            hash_ends_at = if is_commit(word) { at + word.len() } else { at };
        }
        // No seven digits of a commit's name stay together.
        if at < hash_ends_at && before.is_some_and(is_word) && (hash_ends_at - at).is_multiple_of(6)
        {
            harmless.push(ZERO_WIDTH_SPACE);
        }
        if is_broken_before(&text[at..]) {
            harmless.push(ZERO_WIDTH_SPACE);
        }
        harmless.push(c);
        if is_broken_after(before, &text[at..]) {
            harmless.push(ZERO_WIDTH_SPACE);
        }
        before = Some(c);
    }
    harmless
}

/// Foreign text as a block of code, shown as it is, in a fence that it cannot close. At most
/// [`FENCED_LIMIT_BYTES`] of it, before what is needed to make it harmless.
pub fn fenced(text: &str) -> String {
    let text = limited(&clean(text), FENCED_LIMIT_BYTES);
    let (text, longest) = without_long_runs(&without_comments(&text));
    let fence = "`".repeat(longest.max(2) + 1);
    format!("{fence}text\n{}\n{fence}", text.trim_end_matches('\n'))
}

/// Foreign text as code within a line. Line ends become blanks. At most
/// [`INLINE_LIMIT_BYTES`] of it, before what is needed to make it harmless.
///
/// In a cell of a table, `|` still has to be escaped by the caller.
pub fn inline_code(text: &str) -> String {
    let text = one_line(text);
    let (text, longest) = without_long_runs(&without_comments(&cut(&text, INLINE_LIMIT_BYTES)));
    if text.is_empty() {
        return "` `".to_owned();
    }
    let quote = "`".repeat(longest + 1);
    // One blank on each side is not shown, and keeps backticks of the text apart from ours.
    let blank = if text.starts_with('`') || text.ends_with('`') { " " } else { "" };
    format!("{quote}{blank}{text}{blank}{quote}")
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

/// A letter of what Gitea takes for one word when it looks for commits.
fn is_word(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '_' | '-')
}

/// Whether a word looks like a commit's name. Numbers do as well, but are let through: they
/// are far more often numbers.
fn is_commit(word: &str) -> bool {
    (7..=64).contains(&word.len())
        && word.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
        && word.bytes().any(|b| b.is_ascii_lowercase())
}

/// Whether what begins here would end an HTML comment, if it were not taken apart.
fn is_broken_before(rest: &str) -> bool {
    rest.starts_with("->")
}

/// Whether the first character here would act, if it were not set apart from the next.
fn is_broken_after(before: Option<char>, rest: &str) -> bool {
    let mut chars = rest.chars();
    let (first, after) = (chars.next(), chars.as_str());
    let next_is = |wanted: &dyn Fn(char) -> bool| after.chars().next().is_some_and(wanted);
    match first {
        // An address of mail has a letter before it and tells nobody.
        Some('@') => {
            !before.is_some_and(|c| c.is_ascii_alphanumeric())
                && next_is(&|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.'))
        }
        // Issues, and pictures, which are fetched when somebody reads the issue.
        Some('#') => next_is(&|c| c.is_ascii_digit()),
        Some('!') => next_is(&|c| c.is_ascii_digit() || c == '['),
        // Comments, tags and links in HTML.
        Some('<') => next_is(&|c| c.is_ascii_alphabetic() || matches!(c, '!' | '/' | '?')),
        // Characters by name become what they name, and act.
        Some('&') => {
            let name = after.split(|c: char| c != '#' && !c.is_ascii_alphanumeric()).next();
            name.is_some_and(|name| !name.is_empty() && after[name.len()..].starts_with(';'))
        }
        // The address of an issue leaves the same trace as its number.
        Some('/') => {
            let is_number = |rest: &str| rest.starts_with(|c: char| c.is_ascii_digit());
            ["issues/", "pulls/"].iter().any(|kind| after.strip_prefix(kind).is_some_and(is_number))
        }
        _ => false,
    }
}

/// Takes HTML comments apart. In code they are shown and not hidden, but whoever looks for a
/// hidden comment in the raw text must not find one here.
fn without_comments(text: &str) -> String {
    text.replace("<!", "<\u{200b}!").replace("->", "\u{200b}->")
}

/// Breaks up long runs of backticks; gives the length of the longest that is left.
fn without_long_runs(text: &str) -> (String, usize) {
    let mut broken = String::with_capacity(text.len());
    let (mut run, mut longest) = (0, 0);
    for c in text.chars() {
        if c != '`' {
            run = 0;
        } else if run == BACKTICKS_LIMIT {
            broken.push(ZERO_WIDTH_SPACE);
            run = 1;
        } else {
            run += 1;
        }
        longest = longest.max(run);
        broken.push(c);
    }
    (broken, longest)
}

#[cfg(test)]
mod tests {
    use insta::assert_snapshot;
    use proptest::prelude::*;

    use super::*;

    /// Shows where text was set apart.
    fn shown(text: &str) -> String {
        text.replace(ZERO_WIDTH_SPACE, "~")
    }

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

    #[test]
    fn defused_text_reads_as_before_and_does_nothing() {
        assert_snapshot!(shown(&defuse("hello @alice, @ops/team and (@bob)")), @"hello @~alice, @~ops/team and (@~bob)");
        assert_snapshot!(shown(&defuse("mail root@example.com, not \\@carol")), @r"mail root@example.com, not \@~carol");
        assert_snapshot!(shown(&defuse("fixes #12, ops/alerts#3, !4, # 5 and #x")), @"fixes #~12, ops/alerts#~3, !~4, # 5 and #x");
        assert_snapshot!(shown(&defuse("<!-- teawatch --> <-- --> ---> <b>x</b> a < b")), @"<~!-- teawatch -~-> <-- -~-> --~-> <~b>x<~/b> a < b");
        assert_snapshot!(shown(&defuse("commit 0123abc of 2026, 31457280 bytes, deadbeefdeadbeef")), @"commit 0~123abc of 2026, 31457280 bytes, dead~beefde~adbeef");
        assert_snapshot!(shown(&defuse("ops/x@0123456789abcdef, 123e4567-e89b-12d3-a456-426614174000")), @"ops/x@0123~456789~abcdef, 123e4567-e89b-12d3-a456-426614174000");
        assert_snapshot!(shown(&defuse("http://git/ops/alerts/issues/7?a=1&b=2 &#35;1 &commat;dave")), @"http://git/ops/alerts/~issues/7?a=1&b=2 &~#~35;1 &~commat;dave");
        assert_snapshot!(shown(&defuse("![x](http://spy/) done!")), @"!~[x](http://spy/) done!");
    }

    #[test]
    fn a_nul_does_not_hide_a_comment_until_it_is_stripped() {
        assert_snapshot!(shown(&body(&defuse("<\0!-- x --\0>"))), @"<~!-- x -~->");
        assert_snapshot!(shown(&body(&fenced("<\0!-- x --\0>"))), @r"
        ```text
        <~!-- x -~->
        ```
        ");
    }

    #[test]
    fn code_stays_inside_its_fence() {
        assert_snapshot!(fenced("a\n```\n@bob #1\n"), @r"
        ````text
        a
        ```
        @bob #1
        ````
        ");
        assert_snapshot!(inline_code("df -h"), @"`df -h`");
        assert_snapshot!(inline_code("`a``b\nc"), @"``` `a``b c ```");
        assert_snapshot!(inline_code(""), @"` `");
        let many = fenced(&"`".repeat(20_000));
        assert!(many.len() < 25_000, "{}", many.len());
        assert!(many.starts_with(&format!("{}text\n", "`".repeat(17))));
        assert!(fenced(&"x".repeat(1_000_000)).len() < FENCED_LIMIT_BYTES + 100);
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

    /// The text as a person sees it.
    fn seen(text: &str) -> String {
        text.replace(ZERO_WIDTH_SPACE, "")
    }

    fn longest_run(text: &str) -> usize {
        text.split(|c| c != '`').map(str::len).max().unwrap_or_default()
    }

    fn acts(text: &str) -> bool {
        let pairs = text.chars().zip(text.chars().skip(1));
        let before = std::iter::once(' ').chain(text.chars());
        let pair_acts = before.zip(pairs).any(|(before, pair)| match pair {
            ('@', c) => !before.is_ascii_alphanumeric() && c.is_ascii_alphanumeric(),
            ('#' | '!', c) => c.is_ascii_digit(),
            ('<', c) => c == '!',
            _ => false,
        });
        let words = text.split(|c: char| !(c.is_ascii_alphanumeric() || c == '_' || c == '-'));
        let names_a_commit = words.into_iter().any(|word| {
            word.len() >= 7
                && word.len() <= 64
                && word.chars().all(|c| c.is_ascii_hexdigit() && !c.is_ascii_uppercase())
                && word.chars().any(|c| c.is_ascii_alphabetic())
        });
        pair_acts || names_a_commit || text.contains("-->")
    }

    proptest! {
        #[test]
        fn titles_fit_and_have_no_control_characters(text in awkward()) {
            let title = title(&text);
            prop_assert!((1..=TITLE_LIMIT_BYTES).contains(&title.len()));
            prop_assert!(!title.contains(char::is_control));
            prop_assert_eq!(super::title(&title), title.clone());
        }

        #[test]
        fn what_is_defused_never_acts_and_reads_as_before(text in awkward()) {
            let harmless = defuse(&text);
            prop_assert!(!acts(&harmless), "{harmless:?}");
            prop_assert_eq!(seen(&harmless), seen(&clean(&text)));
            prop_assert!(!acts(&body(&harmless)));
        }

        #[test]
        fn no_text_closes_its_fence(text in awkward()) {
            let block = fenced(&text);
            let (first, rest) = block.split_once('\n').unwrap();
            let (inside, last) = rest.rsplit_once('\n').unwrap();
            let fence = first.strip_suffix("text").unwrap();
            prop_assert_eq!(last, fence);
            prop_assert!(longest_run(inside) < fence.len());
            prop_assert!(!inside.contains("<!--") && !inside.contains("-->"));
            prop_assert!(!inside.contains(['\0', '\r']));
            prop_assert_eq!(seen(inside), seen(clean(&text).trim_end_matches('\n')));
        }

        #[test]
        fn no_text_closes_its_quotes(text in awkward()) {
            let code = inline_code(&text);
            let quote = code.len() - code.trim_start_matches('`').len();
            let inside = code.trim_matches('`');
            prop_assert!(code.ends_with(&"`".repeat(quote)));
            prop_assert!(inside.len() + 2 * quote == code.len());
            prop_assert!(longest_run(inside) != quote);
            prop_assert!(!code.contains(char::is_control) && !code.contains("<!--"));
        }
    }
}
