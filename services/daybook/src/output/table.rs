//! Tables of plain text: columns two spaces apart, numbers to the right, a rule under the heading and above totals.

use std::fmt;

/// Where a column's cells stand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Align {
    /// Texts.
    Left,
    /// Numbers.
    Right,
}

/// A table that is laid out once all its cells are known.
#[derive(Debug, Clone)]
pub(crate) struct Table {
    columns: Vec<Align>,
    lines: Vec<Line>,
    indent: usize,
}

#[derive(Debug, Clone)]
enum Line {
    Cells(Vec<String>),
    Rule,
}

impl Table {
    /// An empty table of these columns under these headings.
    pub(crate) fn new<const N: usize>(columns: [(Align, &str); N]) -> Table {
        let heading = columns.iter().map(|(_, name)| (*name).to_owned()).collect();
        let columns = columns.iter().map(|(align, _)| *align).collect();
        Table { columns, lines: vec![Line::Cells(heading), Line::Rule], indent: 0 }
    }

    /// An empty table of these columns without headings.
    pub(crate) fn plain<const N: usize>(columns: [Align; N]) -> Table {
        Table { columns: columns.to_vec(), lines: Vec::new(), indent: 0 }
    }

    /// Moves all lines to the right.
    pub(crate) fn indented(mut self, by: usize) -> Table {
        self.indent = by;
        self
    }

    /// Adds a row; missing cells are blank.
    pub(crate) fn row<const N: usize>(&mut self, cells: [String; N]) {
        self.lines.push(Line::Cells(cells.iter().map(|cell| harmless(cell)).collect()));
    }

    /// Adds a rule, for totals below it.
    pub(crate) fn rule(&mut self) {
        self.lines.push(Line::Rule);
    }

    fn widths(&self) -> Vec<usize> {
        let mut widths = vec![0; self.columns.len()];
        for line in &self.lines {
            if let Line::Cells(cells) = line {
                for (width, cell) in widths.iter_mut().zip(cells) {
                    *width = (*width).max(cell.chars().count());
                }
            }
        }
        widths
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let widths = self.widths();
        let indent = " ".repeat(self.indent);
        for line in &self.lines {
            let text = match line {
                Line::Rule => widths.iter().map(|width| "-".repeat(*width)).collect::<Vec<_>>().join("  "),
                Line::Cells(cells) => {
                    let padded =
                        cells.iter().zip(&widths).zip(&self.columns).map(|((cell, width), align)| match align {
                            Align::Left => format!("{cell:<width$}"),
                            Align::Right => format!("{cell:>width$}"),
                        });
                    padded.collect::<Vec<_>>().join("  ")
                }
            };
            writeln!(f, "{indent}{}", text.trim_end())?;
        }
        Ok(())
    }
}

/// What customers write goes to a terminal, where some characters are orders: to clear it, to colour it, to write from right to left.
/// They are shown as what cannot be shown.
fn harmless(text: &str) -> String {
    let order = |c: char| {
        c.is_control()
            || matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
    };
    text.chars().map(|c| if order(c) { char::REPLACEMENT_CHARACTER } else { c }).collect()
}

#[cfg(test)]
mod tests {
    #[test]
    fn no_cell_gives_a_terminal_orders() {
        for (text, shown) in [
            ("\u{1b}[2J\u{1b}[31mRed\u{7}", "\u{fffd}[2J\u{fffd}[31mRed\u{fffd}"),
            ("one\r\nline", "one\u{fffd}\u{fffd}line"),
            ("a\u{202e}b\u{2066}", "a\u{fffd}b\u{fffd}"),
            ("زینب Zainab", "زینب Zainab"),
        ] {
            assert_eq!(super::harmless(text), shown);
        }
    }

    use super::*;

    #[test]
    fn columns_line_up() {
        let mut table = Table::new([(Align::Left, "account"), (Align::Right, "debit")]).indented(1);
        table.row(["assets:bank".to_owned(), "5.00".to_owned()]);
        table.rule();
        table.row([String::new(), "1,005.00".to_owned()]);
        let expected = " account         debit\n -----------  --------\n assets:bank      5.00\n -----------  --------\n              1,005.00\n";
        assert_eq!(table.to_string(), expected);
    }
}
