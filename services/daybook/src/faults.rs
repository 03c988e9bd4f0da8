//! Faults on purpose, in a build for the fault suite alone (feature `failpoints`).
//!
//! - `FAILPOINTS`: what points do, as the crate `fail` reads it; `return` at one of the broken ones breaks it.
//! - `DAYBOOK_KILL_AT`: `POINT=N`: the process kills itself (SIGKILL) when it comes to the point for the Nth time.

use std::sync::atomic::{AtomicU32, Ordering};

use anyhow::{Context, Result};
use fail::FailScenario;
use rustix::process::{Signal, getpid, kill_process};

/// Arms the points for as long as what it gives lives.
pub(crate) fn arm() -> Result<FailScenario<'static>> {
    let scenario = FailScenario::setup();
    let Ok(wanted) = std::env::var("DAYBOOK_KILL_AT") else { return Ok(scenario) };
    let (point, times) = wanted.split_once('=').context("DAYBOOK_KILL_AT is POINT=N")?;
    let left = AtomicU32::new(times.parse().context("DAYBOOK_KILL_AT is POINT=N, N a number")?);
    fail::cfg_callback(point, move || {
        if left.fetch_sub(1, Ordering::SeqCst) == 1 {
            // It does not return, unless the system refuses a process its own end; then the suite says that no point was hit.
            kill_process(getpid(), Signal::KILL).ok();
        }
    })
    .map_err(anyhow::Error::msg)?;
    Ok(scenario)
}
