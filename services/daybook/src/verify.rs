//! `daybook verify`: every invariant with its figures, and where it does not hold.

use anyhow::Result;
use processor::{Finding, Invariant, Report};
use serde::Serialize;
use store::books::{self, Projection, Stage};

use crate::config::Settings;
use crate::output::{Align, Answer, Table, mark, spinner};
use crate::platform::Platform;

#[derive(Serialize)]
struct Shown<'a> {
    holds: bool,
    invariants: Vec<ShownInvariant<'a>>,
}

#[derive(Serialize)]
struct ShownInvariant<'a> {
    name: &'a str,
    holds: bool,
    figures: &'a str,
    findings: Vec<ShownFinding<'a>>,
}

#[derive(Serialize)]
struct ShownFinding<'a> {
    place: &'a str,
    problem: &'a str,
}

/// Runs the command.
pub(crate) async fn run(settings: &Settings) -> Result<Answer> {
    let platform = Platform::open_for_repair(settings).await?;
    Ok(answer(&report(&platform).await?))
}

/// Checks everything, showing progress.
pub(crate) async fn report(platform: &Platform) -> Result<Report> {
    let bar = spinner("records and rows checked");
    let mut report = processor::verify(&platform.log, &platform.db, &mut |more| bar.inc(more)).await?;
    bar.finish_and_clear();
    report.invariants.push(folded(platform).await?);
    report.invariants.push(crate::privacy::invariant(platform).await?);
    report.invariants.push(crate::privacy::erased_stay_erased(platform).await?);
    Ok(report)
}

/// Nothing is checked of what is not there yet.
async fn folded(platform: &Platform) -> Result<Invariant> {
    let mut partitions = 0;
    for projection in Projection::ALL {
        let checkpoints = books::checkpoints(&platform.db, projection.name()).await?;
        partitions += checkpoints.values().filter(|one| one.stage == Stage::Rebuilding).count();
    }
    let finding = Finding {
        place: "the read models".to_owned(),
        problem: "are being folded anew, so they were not checked as a whole: wait until `daybook lag` and `daybook doctor` say that it \
                  is done, and verify again"
            .to_owned(),
    };
    let findings = if partitions == 0 { Vec::new() } else { vec![finding] };
    Ok(Invariant { name: "read models are whole", figures: format!("{partitions} partitions being rebuilt"), findings })
}

/// A report as an answer; not good when anything was found.
pub(crate) fn answer(report: &Report) -> Answer {
    let invariants = report.invariants.iter().map(shown).collect();
    let shown = Shown { holds: report.holds(), invariants };
    let mut table = Table::plain([Align::Left, Align::Left, Align::Left]);
    for invariant in &report.invariants {
        let sign = mark(invariant.findings.is_empty());
        table.row([sign, invariant.name.to_owned(), invariant.figures.clone()]);
        for finding in &invariant.findings {
            table.row([String::new(), format!("  {}", finding.place), finding.problem.clone()]);
        }
    }
    let verdict = if report.holds() {
        "every invariant holds\n".to_owned()
    } else {
        "not every invariant holds: keep the files as they are, and restore what is named from a backup; \
         what is not the log itself `daybook rebuild --all` makes anew\n"
            .to_owned()
    };
    Answer::new(&shown, format!("{table}{verdict}")).with_verdict(report.holds())
}

fn shown(invariant: &Invariant) -> ShownInvariant<'_> {
    ShownInvariant {
        name: invariant.name,
        holds: invariant.findings.is_empty(),
        figures: &invariant.figures,
        findings: invariant
            .findings
            .iter()
            .map(|finding| ShownFinding { place: &finding.place, problem: &finding.problem })
            .collect(),
    }
}
