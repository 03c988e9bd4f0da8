//! This program again, as a process of its own that prints one line of JSON.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

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

/// Seconds that this process has kept processors busy: what its work takes, however busy the machine is with other things.
pub(crate) fn processor_seconds() -> anyhow::Result<f64> {
    let stat = std::fs::read_to_string("/proc/self/stat").context("processor time is read from Linux's /proc")?;
    // After the name in brackets; the twelfth and thirteenth are ticks, of which Linux tells a hundred a second.
    let fields = stat.rsplit(')').next().unwrap_or_default().split_whitespace().skip(11).take(2);
    let ticks: Vec<u32> = fields.map(str::parse).collect::<Result<_, _>>()?;
    anyhow::ensure!(ticks.len() == 2, "no processor time in /proc/self/stat");
    Ok(ticks.into_iter().map(f64::from).sum::<f64>() / 100.0)
}

/// Looks at this process's resident memory while it works.
pub(crate) struct Watch {
    done: Arc<AtomicBool>,
    looks: JoinHandle<anyhow::Result<Vec<u32>>>,
}

impl Watch {
    /// Begins to look.
    pub(crate) fn begin() -> Watch {
        let done = Arc::new(AtomicBool::new(false));
        let until = Arc::clone(&done);
        let look = move || {
            let mut seen = Vec::new();
            while !until.load(Ordering::Relaxed) {
                seen.push(resident_pages()?);
                std::thread::sleep(Duration::from_millis(20));
            }
            Ok(seen)
        };
        Watch { done, looks: std::thread::spawn(look) }
    }

    /// How much memory grew with the work: the usual (median) memory of the tenth of the time that had the most, over that of
    /// the second tenth, by when everything that has a size of its own is filled. 1 when it stayed the same.
    pub(crate) fn growth(self) -> anyhow::Result<f64> {
        self.done.store(true, Ordering::Relaxed);
        let seen = self.looks.join().map_err(|_| anyhow::anyhow!("the watch panicked"))??;
        let tenth = seen.len().div_ceil(10).max(1);
        let medians: Vec<u32> = seen.chunks(tenth).filter_map(median).collect();
        let second = *medians.get(1).context("too short to tell")?;
        let most = medians.iter().skip(1).max().copied().unwrap_or(second);
        Ok(f64::from(most) / f64::from(second))
    }
}

fn median(seen: &[u32]) -> Option<u32> {
    let mut seen = seen.to_vec();
    seen.sort_unstable();
    seen.get(seen.len() / 2).copied()
}

fn resident_pages() -> anyhow::Result<u32> {
    let statm = std::fs::read_to_string("/proc/self/statm").context("memory is read from Linux's /proc")?;
    Ok(statm.split(' ').nth(1).context("no resident pages in /proc/self/statm")?.parse()?)
}
