//! What was measured: a table for people, `target/bench.json` for programs, and how it stands to the last result that was kept.

use anyhow::Context;
use serde::{Deserialize, Serialize};

/// What was measured when somebody last kept it (`tests/benches/last.json`): a copy of `target/bench.json`.
const LAST: &str = include_str!("../last.json");

/// A share of its ceiling that is less than this part of the last one is said to be less. Machines differ, and so do days;
/// ratios within one run do so less.
const LESS: f64 = 0.8;

/// One figure of one round.
#[derive(Debug)]
pub(crate) struct Measure {
    name: String,
    value: f64,
    unit: &'static str,
    /// The same unit's best, measured in the same round.
    ceiling: Option<f64>,
    /// Value over ceiling.
    ratio: Option<f64>,
    asked: Option<Asked>,
}

/// What is asked of a figure: of the median of its rounds.
#[derive(Debug, Clone, Copy)]
enum Asked {
    /// The value is this or more.
    AtLeast(f64),
    /// The value is this or less.
    AtMost(f64),
    /// Its share of the ceiling is this or more.
    ShareAtLeast(f64),
}

impl Measure {
    /// A figure by itself.
    pub(crate) fn new(name: String, value: f64, unit: &'static str) -> Measure {
        Measure { name, value, unit, ceiling: None, ratio: None, asked: None }
    }

    /// Beside the best there can be.
    pub(crate) fn against(self, ceiling: f64) -> Measure {
        let ratio = (ceiling > 0.0).then(|| self.value / ceiling);
        Measure { ceiling: Some(ceiling), ratio, ..self }
    }

    /// Beside the best there can be, of which it should be this share or more.
    pub(crate) fn share_of(self, ceiling: f64, floor: f64) -> Measure {
        Measure { asked: Some(Asked::ShareAtLeast(floor)), ..self.against(ceiling) }
    }

    /// It should be this or more.
    pub(crate) fn at_least(self, floor: f64) -> Measure {
        Measure { asked: Some(Asked::AtLeast(floor)), ..self }
    }

    /// Its ratio was measured by itself, and should be this or more.
    pub(crate) fn share_at_least(self, share: f64, floor: f64) -> Measure {
        Measure { ratio: Some(share), asked: Some(Asked::ShareAtLeast(floor)), ..self }
    }

    /// It should be this or less.
    pub(crate) fn at_most(self, limit: f64) -> Measure {
        Measure { asked: Some(Asked::AtMost(limit)), ..self }
    }
}

/// All rounds of one figure.
#[derive(Debug)]
struct Rounds {
    name: String,
    unit: &'static str,
    values: Vec<f64>,
    ceilings: Vec<f64>,
    ratios: Vec<f64>,
    asked: Option<Asked>,
}

/// One figure, as it is written and compared: medians, and between what its rounds lay.
#[derive(Debug, Serialize, Deserialize)]
struct Figure {
    name: String,
    value: f64,
    least: f64,
    greatest: f64,
    rounds: usize,
    unit: String,
    ceiling: Option<f64>,
    ratio: Option<f64>,
}

impl Rounds {
    fn figure(&self) -> Figure {
        let bound = |pick: fn(f64, f64) -> f64| self.values.iter().copied().reduce(pick).unwrap_or_default();
        Figure {
            name: self.name.clone(),
            value: median(&self.values).unwrap_or_default(),
            least: bound(f64::min),
            greatest: bound(f64::max),
            rounds: self.values.len(),
            unit: self.unit.to_owned(),
            ceiling: median(&self.ceilings),
            ratio: median(&self.ratios),
        }
    }

    /// Whether what is asked is met, and in words how it stands to it.
    fn verdict(&self) -> Option<(bool, String)> {
        let figure = self.figure();
        let (is_met, otherwise, what) = match self.asked? {
            Asked::AtLeast(floor) => (figure.value >= floor, "below", format!("floor {}", shown(floor))),
            Asked::AtMost(limit) => (figure.value <= limit, "above", format!("limit {}", shown(limit))),
            Asked::ShareAtLeast(floor) => {
                (figure.ratio.is_some_and(|ratio| ratio >= floor), "below", format!("floor {floor:.2} of the ceiling"))
            }
        };
        Some((is_met, format!("{} ({what})", if is_met { "ok" } else { otherwise })))
    }
}

/// The middle one; of an even number the greater of the two in the middle.
pub(crate) fn median(figures: &[f64]) -> Option<f64> {
    let mut sorted = figures.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted.get(sorted.len() / 2).copied()
}

/// All figures of a run, in the order in which they first came.
#[derive(Debug, Default)]
pub(crate) struct Report(Vec<Rounds>);

impl Report {
    /// Takes a figure, and shows it at once: a run takes minutes. One of a name that was there before is another round of it.
    pub(crate) fn add(&mut self, measure: Measure) {
        let Measure { name, value, unit, ceiling, ratio, asked } = measure;
        eprintln!("  {name}: {} {unit}", shown(value));
        let at = self.0.iter().position(|rounds| rounds.name == name).unwrap_or_else(|| {
            let (values, ceilings, ratios) = (Vec::new(), Vec::new(), Vec::new());
            self.0.push(Rounds { name, unit, values, ceilings, ratios, asked });
            self.0.len() - 1
        });
        if let Some(rounds) = self.0.get_mut(at) {
            rounds.values.push(value);
            rounds.ceilings.extend(ceiling);
            rounds.ratios.extend(ratio);
        }
    }

    /// The median of what was measured under a name so far.
    pub(crate) fn value(&self, name: &str) -> Option<f64> {
        self.0.iter().find(|rounds| rounds.name == name).map(|rounds| rounds.figure().value)
    }

    /// Prints the table and writes the file; then fails if any figure is below its floor or above its limit.
    pub(crate) fn finish(self) -> anyhow::Result<()> {
        let last: Vec<Figure> = serde_json::from_str(LAST).context("tests/benches/last.json")?;
        println!(
            "{:44} {:>12} {:>19} {:12} {:>12} {:>6} {:>6}",
            "measure", "value", "of its rounds", "unit", "ceiling", "ratio", "last"
        );
        let mut missed = Vec::new();
        for rounds in &self.0 {
            let (figure, verdict) = (rounds.figure(), rounds.verdict());
            let before = last.iter().find(|one| one.name == figure.name);
            println!("{}", line(&figure, before, verdict.as_ref().map_or("", |(_, words)| words)));
            if verdict.is_some_and(|(is_met, _)| !is_met) {
                missed.push(rounds.name.as_str());
            }
        }
        let figures: Vec<Figure> = self.0.iter().map(Rounds::figure).collect();
        let target = std::env::current_exe()?;
        let target = target.ancestors().find(|folder| folder.ends_with("target")).context("no target folder")?;
        let path = target.join("bench.json");
        std::fs::write(&path, serde_json::to_string_pretty(&figures)?).context("target/bench.json")?;
        println!("written to {}; to keep it, copy it to tests/benches/last.json", path.display());
        anyhow::ensure!(missed.is_empty(), "not what is asked: {}", missed.join("; "));
        Ok(())
    }
}

fn line(figure: &Figure, before: Option<&Figure>, verdict: &str) -> String {
    let Figure { name, value, least, greatest, rounds, unit, ceiling, ratio } = figure;
    let spread = if *rounds > 1 { format!("{} to {}", shown(*least), shown(*greatest)) } else { String::new() };
    let ceiling = ceiling.map(shown).unwrap_or_default();
    let share = ratio.map(|ratio| format!("{ratio:.2}")).unwrap_or_default();
    let last = before.and_then(|before| before.ratio);
    let less = last.zip(*ratio).is_some_and(|(last, ratio)| ratio < LESS * last);
    let last = last.map(|ratio| format!("{ratio:.2}")).unwrap_or_default();
    let less = if less { "less than last; " } else { "" };
    let line = format!(
        "{name:44} {:>12} {spread:>19} {unit:12} {ceiling:>12} {share:>6} {last:>6}  {less}{verdict}",
        shown(*value)
    );
    line.trim_end().to_owned()
}

/// Thousands apart, fractions only where they matter.
fn shown(value: f64) -> String {
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
