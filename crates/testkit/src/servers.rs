//! Starting a server through `deploy/local/up`, the one way there is, for as long as this process lives.

use std::path::PathBuf;
use std::process::{Command, Stdio};

use anyhow::{Context, bail};

/// Answers where the server `name` (`kafka` or `postgres`) is: the value of `variable` if somebody started one for us, otherwise
/// that of a fresh one. It runs in a folder of its own, and a watcher that `up` leaves behind stops it and deletes the folder
/// when this process has ended, however it ended.
pub(crate) async fn address(name: &'static str, variable: &'static str) -> anyhow::Result<String> {
    match std::env::var(variable) {
        Ok(given) if !given.is_empty() => Ok(given),
        _ => tokio::task::spawn_blocking(move || start(name, variable)).await?,
    }
}

fn start(name: &str, variable: &str) -> anyhow::Result<String> {
    let folder = tempfile::Builder::new().prefix(&format!("daybook-{name}-")).tempdir()?.keep();
    let up = repository().join("deploy/local/up");
    let output = Command::new(&up)
        .args([name, "--for-pid", &std::process::id().to_string()])
        .arg(&folder)
        .stdin(Stdio::null())
        .output()
        .with_context(|| format!("{} cannot be run", up.display()))?;
    if !output.status.success() {
        bail!("{name} did not start:\n{}", String::from_utf8_lossy(&output.stderr));
    }
    value_of(variable, &String::from_utf8_lossy(&output.stdout))
        .with_context(|| format!("{} did not print {variable}", up.display()))
}

fn value_of(variable: &str, lines: &str) -> Option<String> {
    lines.lines().find_map(|line| line.strip_prefix(variable)?.strip_prefix('=')).map(str::to_owned)
}

/// The root of the checkout this crate was built in.
pub(crate) fn repository() -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."))
}

#[cfg(test)]
mod tests {
    use super::value_of;

    #[test]
    fn the_value_of_a_variable_is_its_own_line_and_no_other() {
        let lines = "DAYBOOK_KAFKA=127.0.0.1:1\nDAYBOOK_KAFKA_LIBS=x\nDAYBOOK_POSTGRES=postgres://p:a=b@h/postgres\n";
        assert_eq!(value_of("DAYBOOK_KAFKA", lines).as_deref(), Some("127.0.0.1:1"));
        assert_eq!(value_of("DAYBOOK_POSTGRES", lines).as_deref(), Some("postgres://p:a=b@h/postgres"));
        assert_eq!(value_of("DAYBOOK", lines), None);
    }
}
