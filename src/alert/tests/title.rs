//! Titles: not rendered, but searched for references.

use super::{alert, at};
use crate::alert::{Group, Member, Standing, text};

#[test]
fn a_title_makes_no_reference_and_shows_no_markup() {
    let title = |summary: &str| {
        let mut alert = alert(Group::Check { source: "db1".to_owned(), name: "a".to_owned() });
        let standing = Standing::Failing;
        let member = Member { standing, since: at(0), summary: summary.to_owned() };
        alert.members.insert("db1/a".to_owned(), member);
        text::title(&alert)
    };
    assert_eq!(title(""), "db1/a: down");
    // Titles are not rendered: stars stay stars.
    assert_eq!(title("**bad** and _worse_"), "db1/a: **bad** and _worse_");
    let address = title("see https://git.example/o/r/issues/3");
    assert_eq!(address, "db1/a: see https:\u{200b}//git.example/o/r/issues/3");
}
