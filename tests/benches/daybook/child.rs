//! This program again, as a process of its own that prints one line of JSON.

use anyhow::Context;
use serde::Serialize;
use serde::de::DeserializeOwned;

/// Runs the child that `name` stands for and reads its line. The child ends with this call, whatever happens to it.
pub(crate) async fn run<T: DeserializeOwned>(name: &str, argument: &impl Serialize) -> anyhow::Result<T> {
    let mut command = tokio::process::Command::new(std::env::current_exe()?);
    command.arg(name).arg(serde_json::to_string(argument)?).kill_on_drop(true).stderr(std::process::Stdio::inherit());
    let output = command.output().await?;
    anyhow::ensure!(output.status.success(), "{name} ended with {}", output.status);
    serde_json::from_slice(&output.stdout).with_context(|| format!("{name} printed something else than its line"))
}

/// What a child ends with.
pub(crate) fn answer(line: &impl Serialize) -> anyhow::Result<()> {
    println!("{}", serde_json::to_string(line)?);
    Ok(())
}

/// The most memory this process had resident so far, in KiB.
pub(crate) fn peak_memory() -> anyhow::Result<u32> {
    let status = std::fs::read_to_string("/proc/self/status").context("peak memory is read from Linux's /proc")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).context("no VmHWM in /proc/self/status")?;
    Ok(line.trim().trim_end_matches(" kB").parse()?)
}
