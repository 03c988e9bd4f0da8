//! A cell of comma-separated values that a spreadsheet takes for text, whatever it begins with.

/// What begins like a formula gets an apostrophe before it; what has commas, quotes or line ends is quoted.
pub(crate) fn csv_cell(text: &str) -> String {
    let formula = text.starts_with(['=', '+', '-', '@', '\t', '\r']);
    let text = if formula { format!("'{text}") } else { text.to_owned() };
    if text.contains([',', '"', '\n', '\r']) { format!("\"{}\"", text.replace('"', "\"\"")) } else { text }
}

#[cfg(test)]
mod tests {
    use super::csv_cell;

    #[test]
    fn no_cell_is_a_formula() {
        for (text, expected) in [
            ("support", "support"),
            ("=1+1", "'=1+1"),
            ("+92", "'+92"),
            ("-a", "'-a"),
            ("@a", "'@a"),
            ("a,b", "\"a,b\""),
            ("=\"a\"", "\"'=\"\"a\"\"\""),
        ] {
            assert_eq!(csv_cell(text), expected);
        }
    }
}
