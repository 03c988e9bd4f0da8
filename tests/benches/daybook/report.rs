//! What was measured: a table for people, `target/bench.json` for programs.

use anyhow::Context;
use serde::Serialize;

/// One figure.
#[derive(Debug, Serialize)]
pub(crate) struct Measure {
    name: String,
    value: f64,
    unit: &'static str,
    /// The same unit's best, measured in the same run.
    ceiling: Option<f64>,
    /// Value over ceiling.
    ratio: Option<f64>,
    /// For the table only: how it stands to what is asked of it.
    #[serde(skip)]
    verdict: String,
}

impl Measure {
    /// A figure by itself.
    pub(crate) fn new(name: String, value: f64, unit: &'static str) -> Measure {
        Measure { name, value, unit, ceiling: None, ratio: None, verdict: String::new() }
    }

    /// Beside the best there can be.
    pub(crate) fn against(self, ceiling: f64) -> Measure {
        let ratio = (ceiling > 0.0).then(|| self.value / ceiling);
        Measure { ceiling: Some(ceiling), ratio, ..self }
    }

    /// It should be this or more.
    pub(crate) fn at_least(self, floor: f64) -> Measure {
        let word = if self.value >= floor { "ok" } else { "below" };
        Measure { verdict: format!("{word} (floor {})", figure(floor)), ..self }
    }

    /// It should be this or less.
    pub(crate) fn at_most(self, limit: f64) -> Measure {
        let word = if self.value <= limit { "ok" } else { "above" };
        Measure { verdict: format!("{word} (limit {})", figure(limit)), ..self }
    }
}

/// All figures of a run.
#[derive(Debug, Default)]
pub(crate) struct Report(Vec<Measure>);

impl Report {
    /// Takes a figure, and shows it at once: a run takes minutes.
    pub(crate) fn add(&mut self, measure: Measure) {
        eprintln!("  {}", line(&measure));
        self.0.push(measure);
    }

    /// Prints the table and writes the file.
    pub(crate) fn finish(self) -> anyhow::Result<()> {
        println!("{:44} {:>12} {:12} {:>12} {:>6}", "measure", "value", "unit", "ceiling", "ratio");
        for measure in &self.0 {
            println!("{}", line(measure));
        }
        let target = std::env::current_exe()?;
        let target = target.ancestors().find(|folder| folder.ends_with("target")).context("no target folder")?;
        let path = target.join("bench.json");
        std::fs::write(&path, serde_json::to_string_pretty(&self.0)?).context("target/bench.json")?;
        println!("written to {}", path.display());
        Ok(())
    }
}

fn line(Measure { name, value, unit, ceiling, ratio, verdict }: &Measure) -> String {
    let ceiling = ceiling.map(figure).unwrap_or_default();
    let ratio = ratio.map(|ratio| format!("{ratio:.2}")).unwrap_or_default();
    let line = format!("{name:44} {:>12} {unit:12} {ceiling:>12} {ratio:>6}  {verdict}", figure(*value));
    line.trim_end().to_owned()
}

/// Thousands apart, fractions only where they matter.
fn figure(value: f64) -> String {
    if value < 10.0 {
        return format!("{value:.2}");
    }
    if value < 100.0 {
        return format!("{value:.1}");
    }
    let digits = format!("{value:.0}");
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}
