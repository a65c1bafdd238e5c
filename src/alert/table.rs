//! The table of an alert's members in the body of its issue: the one part that teawatch
//! goes on writing, while the rest belongs to people.

use super::markdown::{line, read_line, shorten};
use super::text::{Facts, SUMMARY_MAX, put, troubled};
use super::words::minute;
use super::{Group, OTHERS, Standing};

/// Rows of the table; the rest is counted.
const ROWS_MAX: usize = 100;
/// The table in bytes; rows beyond it are counted. Gitea has no limit, but proxies do, and
/// the client cuts what is longer than 60,000 bytes.
const TABLE_MAX: usize = 24_000;

pub(super) const TABLE_BEGIN: &str = "<!-- teawatch: this table is kept up to date -->";
pub(super) const TABLE_END: &str = "<!-- teawatch: end of the table -->";

/// The table of members between its delimiters: what an edit of the body replaces.
pub fn table(facts: &Facts<'_>) -> String {
    let alert = facts.alert;
    let head = if matches!(alert.group, Group::Overflow { .. }) { "alert" } else { "check" };
    let mut text =
        format!("{TABLE_BEGIN}\n| {head} | state | since | last report |\n|---|---|---|---|\n");
    let members: Vec<_> = troubled(alert)
        .chain(alert.members.iter().filter(|(_, member)| !member.standing.is_trouble()))
        .collect();
    let mut rows = 0;
    for (name, member) in members.iter().take(ROWS_MAX) {
        if text.len() > TABLE_MAX {
            break;
        }
        rows += 1;
        let summary = line(&shorten(&member.summary, SUMMARY_MAX));
        put(
            &mut text,
            format_args!(
                "| {} | {} | {} | {summary} |\n",
                line(name),
                state(member.standing),
                minute(member.since),
            ),
        );
    }
    let left_out = members.len().saturating_sub(rows);
    if left_out > 0 {
        put(&mut text, format_args!("\n… and {left_out} more.\n"));
    }
    text.push_str(TABLE_END);
    text
}

/// `body` with `table` in place of the one it has. A body whose delimiters are missing or
/// doubled gets the table once more at its end, and nothing in it is deleted.
pub fn with_table(body: &str, table: &str) -> String {
    let only = |delimiter: &str| {
        let mut found = body.match_indices(delimiter).map(|(at, _)| at);
        found.next().filter(|_| found.next().is_none())
    };
    if let (Some(begin), Some(end)) = (only(TABLE_BEGIN), only(TABLE_END))
        && begin < end
    {
        return format!("{}{table}{}", &body[..begin], &body[end + TABLE_END.len()..]);
    }
    // The one that was appended before is at the end.
    let kept = body.trim_end();
    let appended = kept.strip_suffix(TABLE_END).and_then(|inner| {
        let begin = inner.rfind(TABLE_BEGIN)?;
        (!inner[begin..].contains(TABLE_END)).then_some(begin)
    });
    match appended {
        Some(begin) => format!("{}{table}", &kept[..begin]),
        None if kept.is_empty() => table.to_owned(),
        None => format!("{kept}\n\n{table}"),
    }
}

/// The names of the members in the table of `body`, those who were well again as well: they
/// may be in trouble since. [`OTHERS`] stands for those that it does not name. People may
/// have edited it, so that nothing but a hint is to be had from it.
pub fn members_in(body: &str) -> Vec<String> {
    let table = body.rsplit_once(TABLE_BEGIN).map_or("", |(_, rest)| rest);
    let (table, is_whole) = match table.split_once(TABLE_END) {
        Some((table, _)) => (table, !table.contains("\n… and ")),
        None => (table, false),
    };
    // The head and the line below it are no rows.
    let rows = table.trim_start().lines().skip(2);
    let name = |row: &str| Some(read_line(row.strip_prefix("| ")?.split_once(" | ")?.0));
    let mut names: Vec<_> = rows.filter_map(name).take(ROWS_MAX).collect();
    if !is_whole || names.is_empty() {
        names.push(OTHERS.to_owned());
    }
    names
}

/// The word for a standing, as the table has it.
pub(super) fn state(standing: Standing) -> &'static str {
    match standing {
        Standing::Well => "well",
        Standing::Failing => "**down**",
        Standing::Silent => "**silent**",
        Standing::NeverSeen => "**never seen**",
        Standing::Flapping => "**flapping**",
        Standing::Overrun => "**runs for too long**",
        Standing::CannotTell => "**cannot tell**",
        Standing::Unheard => "**not heard of**",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn members_are_read_back_from_a_table_and_what_it_does_not_name_are_others() {
        let table = |rows: &str, end: &str| {
            format!("words\n{TABLE_BEGIN}\n| check | state |\n|---|---|\n{rows}{end}\nmore | words")
        };
        let rows = "| db1/a\\_b | **down** | x |\n| db1/c \\| d | well | y |\n";
        assert_eq!(members_in(&table(rows, TABLE_END)), ["db1/a_b", "db1/c | d"]);
        let cut = format!("{rows}\n… and 7 more.\n");
        assert_eq!(members_in(&table(&cut, TABLE_END)), ["db1/a_b", "db1/c | d", OTHERS]);
        // Without its end, or without rows, it may have been longer.
        assert_eq!(members_in(&table(rows, "")).last().unwrap(), OTHERS);
        assert_eq!(members_in(&table("", TABLE_END)), [OTHERS]);
        assert_eq!(members_in("a person has deleted it all"), [OTHERS]);
    }
}
