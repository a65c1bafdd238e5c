//! The table of an issue, and the text that people write around it.

use super::super::table::{TABLE_BEGIN, TABLE_END, table, with_table};
use super::super::text::body;
use super::super::{Group, Standing};
use super::samples::{disk, down, facts, firing};

#[test]
fn of_101_rows_100_are_shown_and_one_is_counted() {
    let names: Vec<_> = (0..101).map(|n| format!("db1/c{n:03}")).collect();
    let members: Vec<_> =
        names.iter().map(|name| (name.as_str(), Standing::Failing, "no")).collect();
    let alert = firing(Group::Source { source: "db1".to_owned() }, &members);
    let table = table(&facts(&alert));
    assert_eq!(table.matches("| **down** |").count(), 100);
    assert!(table.contains("\n\n… and 1 more.\n<!--"), "{table}");
    assert!(!table.contains("c100"));
    // The text names ten of them, and shows what five of them say.
    let body = body(&facts(&alert));
    assert!(body.contains("and 91 more.") && body.contains("… and 96 more."), "{body}");
}

#[test]
fn the_table_replaces_the_one_there_is_and_nothing_else() {
    let alert = down();
    let old = body(&facts(&alert));
    let alert = firing(disk(), &[("db1/disk", Standing::Well, "41 % full")]);
    let new = table(&facts(&alert));
    let edited = with_table(&format!("mine\n\n{old}\nalso mine"), &new);
    assert!(edited.starts_with("mine\n\n") && edited.ends_with("\nalso mine"));
    assert!(edited.contains("| well |") && !edited.contains("| **down** |"));
    assert_eq!(edited.matches("| state |").count(), 1);
    assert_eq!(with_table(&edited, &new), edited);
}

#[test]
fn a_table_whose_delimiters_are_gone_or_doubled_is_appended_once_and_kept_there() {
    let (begin, end) = (TABLE_BEGIN, TABLE_END);
    let alert = down();
    let (old, new) = (body(&facts(&alert)), table(&facts(&alert)).replace("97", "98"));
    for broken in [
        old.replace(begin, ""),
        old.replace(end, ""),
        old.replace(begin, &format!("{begin}\n{begin}")),
        old.replace(end, &format!("{end}\n{end}")),
        old.replace(begin, "").replace(end, ""),
        format!("{end}{begin}"),
        String::new(),
    ] {
        let edited = with_table(&broken, &new);
        assert!(edited.starts_with(broken.trim_end()), "nothing is deleted: {edited}");
        assert!(edited.ends_with(&new), "{edited}");
        assert_eq!(with_table(&edited, &new), edited);
        // The next edit is in the block at the end, not one more behind it.
        let newer = new.replace("98", "99");
        let again = with_table(&edited, &newer);
        assert_eq!(again.len(), edited.len(), "{again}");
        assert!(again.ends_with(&newer) && !again.contains("98 %"), "{again}");
    }
}
