//! Commands in comments.

use jiff::SignedDuration;
use proptest::prelude::*;

use super::super::commands::{
    COMMANDS, COMMANDS_MAX, COMMENT_MAX, Command, LASTS_MAX, Mistake, WHY_MAX, read,
};

fn hours(hours: i64) -> SignedDuration {
    SignedDuration::from_hours(hours)
}

/// The names of the commands in a comment without mistakes.
#[track_caller]
fn names(comment: &str) -> Vec<&'static str> {
    read(comment).into_iter().map(|command| command.unwrap().name()).collect()
}

/// The one mistake in a comment, in words.
#[track_caller]
fn mistake(comment: &str) -> String {
    let read = read(comment);
    assert_eq!(read.len(), 1, "{read:?}");
    read.into_iter().next().unwrap().unwrap_err().sentence()
}

#[test]
fn a_command_is_a_line_of_its_own_in_any_case_with_stray_blanks() {
    assert_eq!(names("/ack"), ["ack"]);
    assert_eq!(names("Thanks, I look at it.\r\n  /ACK 2h  \r\n\r\n/Hold\r\n"), ["ack", "hold"]);
    assert_eq!(names("\n\n/status\rand\r/help"), ["status", "help"]);
    assert_eq!(names("see /ack, or a/close, or / close"), [""; 0]);
    // What people write of files is none.
    assert_eq!(names("/etc/passwd is gone\n/dev/sda1\n//hold\n/3"), [""; 0]);
}

#[test]
fn each_command_is_read_with_what_it_takes() {
    for (name, usage, _) in COMMANDS {
        let usage = usage.replace(['[', ']'], "");
        assert_eq!(names(&usage), [name], "{usage}");
    }
    let one = |comment: &str| read(comment).remove(0).unwrap();
    assert_eq!(one("/ack"), Command::Ack { lasts: None });
    assert_eq!(one("/ack 90m"), Command::Ack { lasts: Some(SignedDuration::from_mins(90)) });
    let silence = |lasts, why: &str| Command::Silence { lasts, why: why.to_owned() };
    assert_eq!(one("/silence 2h"), silence(hours(2), ""));
    assert_eq!(one("/silence 1d 2h the *disk* is new"), silence(hours(26), "the *disk* is new"));
    assert_eq!(one("/silence 1 hour 30 minutes as said"), {
        silence(SignedDuration::from_mins(90), "as said")
    });
}

#[test]
fn nothing_is_a_command_that_the_page_shows_as_something_else() {
    let texts = [
        "```\n/close\n```",
        "````sh\n```\n/close\n````",
        "~~~\n/close",
        "text\n\n    /close\n",
        "\t/close",
        "> /close",
        "> so it was said\n/close",
        "- item\n\n  ```\n  /close\n  ```",
        "- ```\n  /close\n  ```",
        "- /close",
        "1. a\n   /close",
        "<!-- /close -->",
        "<!--\n/close\n-->",
        "a <!-- b\n/close\n--> c",
        "<div>\n/close\n</div>",
        "`a\n/close\nb`",
        "[a\n/close\nb](https://example.org)",
        "**a\n/close\nb**",
        "/close\n===",
        "# /close",
        "/a | b\n---|---\n/close | d",
        "\\/close",
        "&#47;close",
    ];
    for text in texts {
        assert_eq!(read(text), [], "{text:?}");
    }
    // Behind such a thing it is one again.
    assert_eq!(names("```\n/close\n```\n/hold"), ["hold"]);
    assert_eq!(names("> /close\n\n/hold"), ["hold"]);
    assert_eq!(names("<!-- /close -->\n\n/hold"), ["hold"]);
    assert_eq!(names("`a`\n/hold\n**b**"), ["hold"]);
}

#[test]
fn a_mistake_is_told_with_the_nearest_command() {
    assert_eq!(mistake("/silnce 2h"), "There is no command `/silnce`. Did you mean `/silence`?");
    assert_eq!(mistake("/Colse"), "There is no command `/colse`. Did you mean `/close`?");
    let unknown = "There is no command `/frobnicate`; `/help` lists those that there are.";
    assert_eq!(mistake("/frobnicate"), unknown);
    // What is too far from every command, or too short to tell, means none.
    for far in ["/acknow", "/ab"] {
        assert!(!mistake(far).contains("Did you mean"), "{far}");
    }
    assert_eq!(mistake("/silence"), "`/silence` needs to know for how long: `/silence 2h [why]`.");
    assert_eq!(
        mistake("/silence forever"),
        "`/silence` cannot make anything of \"forever\": write `/silence 2h [why]`."
    );
    assert_eq!(
        mistake("/close @all the door"),
        "`/close` cannot make anything of \"\\@\u{200b}all the door\": write `/close`."
    );
    for wrong in ["/ack thanks", "/ack 2h thanks", "/ack -2h", "/ack 0s", "/silence 5"] {
        assert!(mistake(wrong).contains("cannot make anything of"), "{wrong}");
    }
}

#[test]
fn a_comment_with_too_many_commands_is_not_obeyed_at_all() {
    let most = "/ack\n".repeat(COMMANDS_MAX);
    assert_eq!(names(&most).len(), COMMANDS_MAX);
    assert_eq!(read(&format!("{most}/close")), [Err(Mistake::TooMany)]);
    assert_eq!(read(&"/close\n".repeat(1_000)), [Err(Mistake::TooMany)]);
}

#[test]
fn a_comment_that_is_too_long_is_not_read() {
    let long = |bytes: usize| format!("/ack\n{}", "x".repeat(bytes - 5));
    assert_eq!(names(&long(COMMENT_MAX)), ["ack"]);
    assert_eq!(read(&long(COMMENT_MAX + 1)), [Err(Mistake::TooLong)]);
    assert_eq!(read(&"x".repeat(1 << 20)), []);
}

#[test]
fn nothing_lasts_longer_than_anything_may() {
    let days = LASTS_MAX.as_hours() / 24;
    assert_eq!(names(&format!("/ack {days}d\n/silence {days}d")), ["ack", "silence"]);
    assert_eq!(mistake("/ack 31d"), "`/ack` can last 30 d at most, not 31 d.");
    assert_eq!(mistake("/silence 721h so"), "`/silence` can last 30 d at most, not 30 d 1 h.");
}

#[test]
fn a_reason_is_cut() {
    let why = |length: usize| match read(&format!("/silence 2h {}", "x".repeat(length))).remove(0) {
        Ok(Command::Silence { why, .. }) => why,
        other => panic!("{other:?}"),
    };
    assert_eq!(why(WHY_MAX), "x".repeat(WHY_MAX));
    assert!(why(WHY_MAX + 1).ends_with('…') && why(WHY_MAX + 1).len() <= WHY_MAX);
}

proptest! {
    /// Whatever people write is read, and what is read is written on a line of the comment.
    #[test]
    fn any_comment_is_read(text in "(/(ack|close|hold|x)|[ \t\r\n`~>*<!|-]|a|2h|[\\[\\]]|-->|é){0,60}") {
        for command in read(&text).into_iter().flatten() {
            let line = format!("/{}", command.name());
            prop_assert!(text.lines().any(|text| text.trim().starts_with(&line)) || text.contains('\r'));
        }
    }
}
