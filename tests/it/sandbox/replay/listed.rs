//! The tables of `src/sandbox/fidelity.md`: what is left out, and what differs.

use std::cell::Cell;

use wildmatch::WildMatch;

const DOCUMENT: &str = include_str!("../../../../src/sandbox/fidelity.md");

/// A table: patterns, each with a reason.
pub struct Table {
    rows: Vec<Row>,
}

struct Row {
    /// One pattern a column, without the reason.
    patterns: Vec<WildMatch>,
    text: String,
    used: Cell<u64>,
}

impl Table {
    /// The table under this heading.
    pub fn under(heading: &str) -> Self {
        let section = DOCUMENT.split("\n## ").find(|section| section.starts_with(heading));
        let section = section.unwrap_or_else(|| panic!("there is no `{heading}`"));
        let lines = section.lines().filter(|line| line.starts_with('|')).skip(2);
        let rows: Vec<Row> = lines.map(Row::read).collect();
        assert!(!rows.is_empty(), "`{heading}` has no table");
        Self { rows }
    }

    /// Whether a row is about this; it counts as used then.
    pub fn has(&self, cells: &[&str]) -> bool {
        let row = self.rows.iter().find(|row| {
            row.patterns.iter().zip(cells).all(|(pattern, cell)| pattern.matches(cell))
        });
        if let Some(row) = row {
            row.used.set(row.used.get() + 1);
        }
        row.is_some()
    }

    /// The rows that were about nothing.
    pub fn idle(&self) -> Vec<&str> {
        let idle = self.rows.iter().filter(|row| row.used.get() == 0);
        idle.map(|row| row.text.as_str()).collect()
    }
}

impl Row {
    fn read(line: &str) -> Self {
        let cells: Vec<&str> = line.trim_matches('|').split('|').map(str::trim).collect();
        let (reason, patterns) = cells.split_last().unwrap();
        assert!(!reason.is_empty(), "no reason: {line}");
        let patterns = patterns.iter().map(|cell| WildMatch::new(cell.trim_matches('`'))).collect();
        Self { patterns, text: line.to_owned(), used: Cell::new(0) }
    }
}
