//! Faults on purpose, in a build for the fault suite alone (feature `failpoints`).
//!
//! - `FAILPOINTS`: what points do, as the crate `fail` reads it; `return` at one of the broken ones breaks it.
//! - `DAYBOOK_KILL_AT`: `POINT=N`: the process kills itself (SIGKILL) when it comes to the point for the Nth time.
//! - `DAYBOOK_STOP_AT`: `POINT=N`: the process stops itself there (SIGSTOP), until somebody wakes it.

use std::sync::atomic::{AtomicU32, Ordering};

use anyhow::{Context, Result};
use fail::FailScenario;
use rustix::process::{Signal, getpid, kill_process};

/// Arms the points for as long as what it gives lives.
pub(crate) fn arm() -> Result<FailScenario<'static>> {
    let scenario = FailScenario::setup();
    at("DAYBOOK_KILL_AT", Signal::KILL)?;
    at("DAYBOOK_STOP_AT", Signal::STOP)?;
    Ok(scenario)
}

/// Sends this process a signal at the point that a variable names, at the time that it names.
fn at(variable: &str, signal: Signal) -> Result<()> {
    let Ok(wanted) = std::env::var(variable) else { return Ok(()) };
    let (point, times) = wanted.split_once('=').with_context(|| format!("{variable} is POINT=N"))?;
    let left = AtomicU32::new(times.parse().with_context(|| format!("{variable} is POINT=N, N a number"))?);
    fail::cfg_callback(point, move || {
        if left.fetch_sub(1, Ordering::SeqCst) == 1 {
            // It is refused only if the system refuses a process a signal to itself; then the suite says that no point was hit.
            kill_process(getpid(), signal).ok();
        }
    })
    .map_err(anyhow::Error::msg)
}
