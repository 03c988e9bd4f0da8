//! What a batch spends its time on, as the operator's metric `processor_step_seconds`.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

/// Times the steps of one batch: a lap belongs to the step that has just ended, and laps of the same step add up. From
/// `since` on every moment belongs to some step, so that the steps of a batch add up to its time.
#[derive(Debug, Clone)]
pub(crate) struct Stopwatch {
    last: Instant,
    spent: BTreeMap<&'static str, Duration>,
}

impl Stopwatch {
    /// Begins with what has gone by since then.
    pub(crate) fn since(began: Instant) -> Stopwatch {
        Stopwatch { last: began, spent: BTreeMap::new() }
    }

    /// Gives the time since the last lap to a step.
    pub(crate) fn lap(&mut self, step: &'static str) {
        let now = Instant::now();
        *self.spent.entry(step).or_default() += now.duration_since(self.last);
        self.last = now;
    }

    /// Tells the operator, one value a step.
    pub(crate) fn record(&self, projection: &'static str) {
        for (step, took) in &self.spent {
            metrics::histogram!("processor_step_seconds", "projection" => projection, "step" => *step)
                .record(took.as_secs_f64());
        }
    }
}
