//! Words from outside, fit for a report and a terminal.

/// All of it on one line, without what a terminal would obey.
pub(super) fn line(text: &str) -> String {
    lines(text).trim().replace(['\n', '\t'], " ")
}

/// Lines without what a terminal would obey: colours go, and what was written over with a
/// carriage return is a line of its own.
pub(super) fn lines(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    let mut rest = text.chars().peekable();
    while let Some(c) = rest.next() {
        match c {
            '\u{1b}' if rest.next_if_eq(&'[').is_some() => {
                // Parameters follow, and one letter says what is meant.
                while rest.next_if(|c| matches!(c, ' '..='?')).is_some() {}
                rest.next_if(|c| matches!(c, '@'..='~'));
            }
            '\r' if rest.peek() != Some(&'\n') => shown.push('\n'),
            '\n' | '\t' => shown.push(c),
            c if c.is_control() => {}
            c => shown.push(c),
        }
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_terminal_would_obey_goes_and_the_words_stay() {
        assert_eq!(
            lines("\u{1b}[1;31mred\u{1b}[0m\r\nnul\0l\r50 %\r100 %\u{9b}\t."),
            "red\nnull\n50 %\n100 %\t."
        );
        assert_eq!(lines("\u{1b}]0;title\u{7} \u{1b}["), "]0;title ");
        assert_eq!(line(" two\n\u{1b}[Klines\r "), "two lines");
    }
}
