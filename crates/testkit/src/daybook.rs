//! The `daybook` binary as a process of its own: started, watched through what it prints, ended or killed.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::Duration;

use anyhow::{Context, bail};

use crate::{scratch, wait_until};

/// A running `daybook`. Dropping it kills the process.
#[derive(Debug)]
pub struct Daybook {
    child: Child,
    output: tempfile::TempDir,
}

impl Daybook {
    /// Runs `daybook ARGS… --data DATA` with `env` added to this process's environment.
    ///
    /// The binary is the one `CARGO_BIN_EXE_daybook` names, or the one beside the running test in the target folder, which
    /// `cargo build -p daybook` puts there.
    pub fn start(data: &Path, args: &[&str], env: &[(&str, &str)]) -> anyhow::Result<Self> {
        Self::spawn(&binary("daybook")?, data, args, env)
    }

    /// The same with `daybook-faults`, which can be told to kill itself at a point or to be wrong on purpose: `make faults`
    /// builds it.
    pub fn start_armed(data: &Path, args: &[&str], env: &[(&str, &str)]) -> anyhow::Result<Self> {
        Self::spawn(&binary("daybook-faults")?, data, args, env)
    }

    fn spawn(binary: &Path, data: &Path, args: &[&str], env: &[(&str, &str)]) -> anyhow::Result<Self> {
        let output = scratch();
        let child = Command::new(binary)
            .args(args)
            .arg("--data")
            .arg(data)
            .envs(env.iter().copied())
            .current_dir(output.path())
            .stdin(Stdio::null())
            .stdout(File::create(output.path().join("stdout"))?)
            .stderr(File::create(output.path().join("stderr"))?)
            .spawn()
            .with_context(|| format!("{} cannot be run", binary.display()))?;
        Ok(Self { child, output })
    }

    /// The process id.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// The folder it works in, which goes with this value.
    pub fn folder(&self) -> &Path {
        self.output.path()
    }

    /// What it has written to standard output so far.
    pub fn stdout(&self) -> String {
        self.read("stdout")
    }

    /// What it has written to standard error so far.
    pub fn stderr(&self) -> String {
        self.read("stderr")
    }

    fn read(&self, stream: &str) -> String {
        let bytes = fs::read(self.output.path().join(stream)).unwrap_or_default();
        String::from_utf8_lossy(&bytes).into_owned()
    }

    /// Waits until it has printed an address such as `http://127.0.0.1:4000`, on either stream, and answers the first one's port.
    pub async fn port(&mut self, deadline: Duration) -> anyhow::Result<u16> {
        let mut found = None;
        wait_until(deadline, async || {
            // Asked before reading, so that the last words of a process that ended are read too.
            let ended = matches!(self.child.try_wait(), Ok(Some(_)));
            found = first_port(&self.stdout()).or_else(|| first_port(&self.stderr()));
            found.is_some() || ended
        })
        .await
        .context("daybook printed no address")?;
        found.with_context(|| format!("daybook ended before it listened:\n{}", self.stderr()))
    }

    /// Sends it a signal, such as `STOP` or `CONT`.
    pub fn signal(&self, name: &str) -> anyhow::Result<()> {
        let sent = Command::new("kill").args(["-s", name, &self.id().to_string()]).status()?;
        if !sent.success() {
            bail!("daybook took no signal {name}");
        }
        Ok(())
    }

    /// Whether it is stopped: by a signal, and not yet woken.
    pub fn is_stopped(&self) -> bool {
        // After the name in brackets comes the state; T is stopped.
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.id())).unwrap_or_default();
        stat.rsplit(')').next().is_some_and(|rest| rest.trim_start().starts_with('T'))
    }

    /// How it ended, if it has.
    pub fn try_ended(&mut self) -> anyhow::Result<Option<ExitStatus>> {
        Ok(self.child.try_wait()?)
    }

    /// Kills it at once, as a power cut would (`kill -9`), and waits until it is gone.
    pub fn kill(&mut self) -> anyhow::Result<ExitStatus> {
        self.child.kill()?;
        Ok(self.child.wait()?)
    }

    /// Asks it to end (`SIGTERM`) and waits until it has.
    pub async fn terminate(&mut self, deadline: Duration) -> anyhow::Result<ExitStatus> {
        self.signal("TERM")?;
        self.ended(deadline).await
    }

    /// Waits until it ends by itself.
    pub async fn ended(&mut self, deadline: Duration) -> anyhow::Result<ExitStatus> {
        let mut status = None;
        wait_until(deadline, async || {
            status = self.child.try_wait().ok().flatten();
            status.is_some()
        })
        .await
        .context("daybook still runs")?;
        status.context("daybook has no exit status")
    }
}

impl Drop for Daybook {
    fn drop(&mut self) {
        // It fails only for a process that is gone already.
        drop(self.kill());
    }
}

fn binary(name: &str) -> anyhow::Result<PathBuf> {
    if let Some(named) = std::env::var_os(format!("CARGO_BIN_EXE_{name}")) {
        return Ok(named.into());
    }
    let test = std::env::current_exe()?;
    // Tests run from target/PROFILE/deps, the binary is in target/PROFILE.
    let beside = test.ancestors().skip(1).take(2).map(|folder| folder.join(name)).find(|path| path.is_file());
    beside.with_context(|| format!("{name} is not built: cargo build -p daybook, or make faults"))
}

fn first_port(printed: &str) -> Option<u16> {
    printed.split("127.0.0.1:").skip(1).find_map(|rest| {
        let digits = rest.find(|c: char| !c.is_ascii_digit()).map_or(rest, |end| &rest[..end]);
        digits.parse().ok()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const SOON: Duration = Duration::from_secs(20);

    /// Stands in for the binary: a script that gets the same arguments.
    fn script(folder: &Path, body: &str) -> PathBuf {
        let path = folder.join("stand-in");
        fs::write(&path, body).unwrap();
        path
    }

    fn run(folder: &Path, body: &str) -> Daybook {
        let path = script(folder, body);
        Daybook::spawn(Path::new("/bin/sh"), folder, &[path.to_str().unwrap(), "up"], &[("GREETING", "hello")]).unwrap()
    }

    #[test]
    fn the_first_address_printed_has_the_port() {
        for (printed, expected) in [
            ("listening on http://127.0.0.1:4010/ and http://127.0.0.1:4011", Some(4010)),
            ("127.0.0.1:80", Some(80)),
            ("127.0.0.1:0000000 then 127.0.0.1:99999 then nothing", Some(0)),
            ("starting", None),
        ] {
            assert_eq!(first_port(printed), expected, "{printed}");
        }
    }

    #[tokio::test]
    async fn a_process_is_read_and_killed() {
        let folder = scratch();
        let mut daybook = run(folder.path(), "echo $GREETING $1 $2 http://127.0.0.1:4010/\nexec sleep 600\n");
        assert_eq!(daybook.port(SOON).await.unwrap(), 4010);
        assert_eq!(daybook.stdout(), "hello up --data http://127.0.0.1:4010/\n");
        assert!(!daybook.kill().unwrap().success());
    }

    #[tokio::test]
    async fn a_process_ends_when_asked_to() {
        let folder = scratch();
        let mut daybook = run(folder.path(), "trap 'exit 7' TERM\necho 127.0.0.1:1\nwhile :; do sleep 0.05; done\n");
        daybook.port(SOON).await.unwrap();
        assert_eq!(daybook.terminate(SOON).await.unwrap().code(), Some(7));
    }

    #[tokio::test]
    async fn a_process_that_ends_early_says_why() {
        let folder = scratch();
        let mut daybook = run(folder.path(), "echo no such folder >&2\nexit 3\n");
        assert!(daybook.port(SOON).await.unwrap_err().to_string().contains("no such folder"));
        assert_eq!(daybook.ended(SOON).await.unwrap().code(), Some(3));
    }
}
