//! What the program prints: an answer as text for people or as one JSON object for programs, on standard output, and progress
//! on standard error. The only place that prints.
#![expect(clippy::print_stderr, reason = "why a command failed is printed, and this is where")]

mod amount;
mod progress;
mod table;

use std::io::{IsTerminal, Write};

use serde::Serialize;
use serde_json::Value;

pub(crate) use ::privacy::archive::csv_cell;
pub(crate) use amount::{amount, count};
pub(crate) use progress::{Bar, bar_of_bytes, bar_of_items, spinner};
pub(crate) use table::{Align, Table};

/// What a command found or did.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Answer {
    /// The documented object.
    pub(crate) json: Value,
    /// The same for people; lines end with a line feed.
    pub(crate) text: String,
    /// False when the command worked but found a problem, so that the exit code must say so.
    pub(crate) good: bool,
}

impl Answer {
    /// An answer without problems.
    pub(crate) fn new(json: &impl Serialize, text: String) -> Answer {
        // Only maps with keys that are no texts and failing serialisers of others cannot be written; there are none here.
        Answer { json: serde_json::to_value(json).unwrap_or_default(), text, good: true }
    }

    /// Nothing more to say: it was said while the command was at work.
    pub(crate) fn silent() -> Answer {
        Answer { json: Value::Null, text: String::new(), good: true }
    }

    /// The same, with what the exit code is to say.
    pub(crate) fn with_verdict(self, good: bool) -> Answer {
        Answer { good, ..self }
    }
}

/// Prints an answer.
pub(crate) fn print(answer: &Answer, as_json: bool) {
    if as_json && !answer.json.is_null() {
        write_out(&format!("{}\n", answer.json));
    } else if !as_json {
        write_out(&answer.text);
    }
}

/// Prints text while a command is still at work; nothing when the answer is to be one JSON object.
pub(crate) fn say(text: &str, as_json: bool) {
    if !as_json {
        write_out(text);
    }
}

/// Prints why a command failed, and the same as an object on standard output when that is expected there.
pub(crate) fn print_failure(message: &str, as_json: bool) {
    eprintln!("error: {message}");
    if as_json {
        write_out(&format!("{}\n", serde_json::json!({ "error": message })));
    }
}

/// Prints what clap says of a command line, where clap prints it, and why it is wrong as an object on standard output when
/// that is expected there.
pub(crate) fn print_wrong_usage(wrong: &clap::Error, reason: &str, as_json: bool) {
    // Nobody is left to tell when even this cannot be printed.
    drop(wrong.print());
    if as_json {
        write_out(&format!("{}\n", serde_json::json!({ "error": reason })));
    }
}

/// An error with its causes. Some errors tell their cause in their own words; it is not told twice.
pub(crate) fn explain(error: &anyhow::Error) -> String {
    let mut text = error.to_string();
    for cause in error.chain().skip(1).map(ToString::to_string) {
        if !text.contains(&cause) {
            text = format!("{text}: {cause}");
        }
    }
    text
}

/// A reader that has gone away (`daybook … | head`) is no reason to fail.
fn write_out(text: &str) {
    let mut out = std::io::stdout().lock();
    drop(out.write_all(text.as_bytes()).and_then(|()| out.flush()));
}

/// Text with emphasis, where a person will see it.
pub(crate) fn strong(text: &str) -> String {
    styled(text, "1")
}

/// A sign for something that holds.
pub(crate) fn tick() -> String {
    styled("✓", "32")
}

/// A sign for something that does not.
pub(crate) fn cross() -> String {
    styled("✗", "31")
}

/// The sign for a verdict.
pub(crate) fn mark(good: bool) -> String {
    if good { tick() } else { cross() }
}

/// See <https://no-color.org>: any value that is not empty turns colours off.
fn styled(text: &str, code: &str) -> String {
    let plain = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
    if plain || !std::io::stdout().is_terminal() { text.to_owned() } else { format!("\x1b[{code}m{text}\x1b[0m") }
}

/// `1 order`, `2 orders`.
pub(crate) fn plural(number: u64, one: &str, many: &str) -> String {
    format!("{} {}", count(number), if number == 1 { one } else { many })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cause_is_told_once() {
        let error = anyhow::anyhow!("no such file").context("the key cannot be used: no such file").context("no keys");
        assert_eq!(explain(&error), "no keys: the key cannot be used: no such file");
    }
}
