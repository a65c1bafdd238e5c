//! Figures, for people.

use std::io::Write as _;

/// The one in the middle; of an even number the upper one.
pub(crate) fn median(figures: impl Iterator<Item = f64>) -> f64 {
    let mut figures: Vec<_> = figures.collect();
    figures.sort_by(f64::total_cmp);
    figures.get(figures.len() / 2).copied().unwrap_or(f64::NAN)
}

/// Prints a table in Markdown, which is also readable as it is.
pub(crate) fn print(head: &[&str], rows: &[Vec<String>]) -> anyhow::Result<()> {
    let head = head.iter().map(|&cell| cell.to_owned()).collect::<Vec<_>>();
    let widths: Vec<_> = (0..head.len())
        .map(|column| {
            let cells = rows.iter().chain([&head]).filter_map(|row| row.get(column));
            cells.map(|cell| cell.chars().count()).max().unwrap_or(0)
        })
        .collect();
    let rule = widths.iter().map(|&width| "-".repeat(width)).collect();
    let mut out = std::io::stdout().lock();
    for row in [&head, &rule].into_iter().chain(rows) {
        let cells = row.iter().zip(&widths).map(|(cell, width)| format!(" {cell:width$} "));
        writeln!(out, "|{}|", cells.collect::<Vec<_>>().join("|"))?;
    }
    writeln!(out)?;
    Ok(())
}
