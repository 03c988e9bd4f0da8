//! The record as a page and as a spreadsheet.

use super::Section;
use crate::output::csv_cell;

/// Markdown, a table for each section.
pub(super) fn markdown(sections: &[Section]) -> String {
    let mut text = "# Record of processing activities (GDPR Art. 30)\n".to_owned();
    for Section { title, columns, rows } in sections {
        text.push_str(&format!("\n## {title}\n\n"));
        text.push_str(&line(columns.iter().copied()));
        text.push_str(&line(columns.iter().map(|_| "---")));
        for row in rows {
            text.push_str(&line(row.iter().map(String::as_str)));
        }
    }
    text
}

fn line<'a>(cells: impl Iterator<Item = &'a str>) -> String {
    let cells: Vec<String> = cells.map(|cell| cell.replace('|', "\\|")).collect();
    format!("| {} |\n", cells.join(" | "))
}

/// Comma-separated values: the section, the row's number in it, the column and the cell.
pub(super) fn csv(sections: &[Section]) -> String {
    let mut text = "section,row,column,value\n".to_owned();
    for Section { title, columns, rows } in sections {
        for (number, row) in (1..).zip(rows) {
            for (column, value) in columns.iter().zip(row) {
                let cells = [*title, &number.to_string(), *column, value].map(csv_cell);
                text.push_str(&cells.join(","));
                text.push('\n');
            }
        }
    }
    text
}
