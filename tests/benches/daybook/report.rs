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
    /// Whether it falls short of that.
    #[serde(skip)]
    missed: bool,
}

impl Measure {
    /// A figure by itself.
    pub(crate) fn new(name: String, value: f64, unit: &'static str) -> Measure {
        Measure { name, value, unit, ceiling: None, ratio: None, verdict: String::new(), missed: false }
    }

    /// Beside the best there can be.
    pub(crate) fn against(self, ceiling: f64) -> Measure {
        let ratio = (ceiling > 0.0).then(|| self.value / ceiling);
        Measure { ceiling: Some(ceiling), ratio, ..self }
    }

    /// It should be this or more.
    pub(crate) fn at_least(self, floor: f64) -> Measure {
        let is_met = self.value >= floor;
        self.asked(is_met, "below", &format!("floor {}", figure(floor)))
    }

    /// Its ratio was measured by itself, and should be this or more.
    pub(crate) fn share_at_least(self, share: f64, floor: f64) -> Measure {
        let measure = Measure { ratio: Some(share), ..self };
        measure.asked(share >= floor, "below", &format!("floor {floor:.2} of the ceiling"))
    }

    /// It should be this or less.
    pub(crate) fn at_most(self, limit: f64) -> Measure {
        let is_met = self.value <= limit;
        self.asked(is_met, "above", &format!("limit {}", figure(limit)))
    }

    fn asked(self, is_met: bool, otherwise: &str, what: &str) -> Measure {
        let word = if is_met { "ok" } else { otherwise };
        Measure { verdict: format!("{word} ({what})"), missed: !is_met, ..self }
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

    /// Prints the table and writes the file; then fails if any figure is below its floor or above its limit.
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
        let missed: Vec<&str> = self.0.iter().filter(|one| one.missed).map(|one| one.name.as_str()).collect();
        anyhow::ensure!(missed.is_empty(), "not what is asked: {}", missed.join("; "));
        Ok(())
    }
}

fn line(Measure { name, value, unit, ceiling, ratio, verdict, .. }: &Measure) -> String {
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
