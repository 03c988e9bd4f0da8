//! A broker and a database of one test's own, each behind a proxy: killed, brought back on another port, slow or cut off,
//! while clients know one address.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Context, bail};

use crate::proxy::Proxy;
use crate::servers::repository;
use crate::{Kafka, Postgres};

/// Which of the two.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Server {
    /// The broker.
    Kafka,
    /// The database.
    Postgres,
}

/// The two servers. They and their folder go when this process has ended, however it ended, or with this value.
#[derive(Debug)]
pub struct Rig {
    folder: PathBuf,
    /// Between clients and the broker.
    pub kafka: Proxy,
    /// Between clients and the database.
    pub postgres: Proxy,
    password: String,
}

impl Server {
    /// Both.
    pub const BOTH: [Server; 2] = [Server::Kafka, Server::Postgres];

    fn name(self) -> &'static str {
        match self {
            Server::Kafka => "kafka",
            Server::Postgres => "postgres",
        }
    }
}

impl Rig {
    /// Starts both: about six seconds.
    pub async fn start() -> anyhow::Result<Rig> {
        let folder = tempfile::Builder::new().prefix("daybook-rig-").tempdir()?.keep();
        let (kafka, postgres) = (Proxy::listen().await?, Proxy::listen().await?);
        let mut rig = Rig { folder, kafka, postgres, password: String::new() };
        let owner = std::process::id().to_string();
        rig.up(&["--for-pid", &owner]).await?;
        let url = std::fs::read_to_string(rig.folder.join("postgres.address"))?;
        let password = url.trim().split_once("postgres:").and_then(|(_, rest)| rest.split_once("postgres:"));
        let password = password.and_then(|(_, rest)| rest.split_once('@')).context("no password in the address")?.0;
        rig.password = password.to_owned();
        Ok(rig)
    }

    /// Where clients find the broker.
    pub fn brokers(&self) -> Kafka {
        Kafka { brokers: self.kafka.address().to_string() }
    }

    /// Where clients find the database server.
    pub fn database_server(&self) -> Postgres {
        Postgres { url: format!("postgres://postgres:{}@{}/postgres", self.password, self.postgres.address()) }
    }

    /// The folder with the servers' data.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Kills a server at once, with every process of its own (`kill -9`). Connections to it end.
    pub fn kill(&self, server: Server) -> anyhow::Result<()> {
        let line = std::fs::read_to_string(self.folder.join(format!("{}.pid", server.name())))?;
        let pid = line.split(' ').next().context("no process id")?;
        let children = Command::new("pgrep").args(["-P", pid]).output()?.stdout;
        let children = String::from_utf8_lossy(&children).into_owned();
        let all: Vec<&str> = std::iter::once(pid).chain(children.split_whitespace()).collect();
        // A child may be gone already; the server itself is there, or this is a mistake of the test.
        Command::new("kill").arg("-9").args(&all).stderr(Stdio::null()).status()?;
        self.proxy(server).to(None);
        self.proxy(server).cut();
        while all.iter().any(|pid| is_alive(pid)) {
            std::thread::sleep(Duration::from_millis(5));
        }
        // It names a process that is dead, which a system that nobody reaps on still counts as one.
        if server == Server::Postgres {
            std::fs::remove_file(self.folder.join("postgres/data/postmaster.pid"))?;
        }
        Ok(())
    }

    /// Starts what was killed, with the data it had.
    pub async fn bring_back(&self) -> anyhow::Result<()> {
        self.up(&[]).await
    }

    fn proxy(&self, server: Server) -> &Proxy {
        match server {
            Server::Kafka => &self.kafka,
            Server::Postgres => &self.postgres,
        }
    }

    async fn up(&self, more: &[&str]) -> anyhow::Result<()> {
        let mut command = tokio::process::Command::new(repository().join("deploy/local/up"));
        command.args(more).arg(&self.folder).stdin(Stdio::null());
        let advertised = self.kafka.address().to_string();
        let output = command.env("DAYBOOK_KAFKA_ADVERTISED", advertised).output().await?;
        if !output.status.success() {
            bail!("the servers did not start:\n{}", String::from_utf8_lossy(&output.stderr));
        }
        for server in Server::BOTH {
            self.proxy(server).to(Some(self.address(server)?));
        }
        Ok(())
    }

    /// Where a server listens itself.
    fn address(&self, server: Server) -> anyhow::Result<SocketAddr> {
        let line = std::fs::read_to_string(self.folder.join(format!("{}.address", server.name())))?;
        let after = line.trim().rsplit(['=', '@']).next().unwrap_or_default();
        let address = after.split('/').next().unwrap_or_default();
        address.parse().with_context(|| format!("{} has no address", server.name()))
    }
}

/// Whether a process is neither gone nor only waiting to be reaped.
fn is_alive(pid: &str) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    let state = stat.rsplit(") ").next().and_then(|rest| rest.chars().next());
    state.is_some_and(|state| !"ZX".contains(state))
}

impl Drop for Rig {
    fn drop(&mut self) {
        let down = repository().join("deploy/local/down");
        // What this does not stop is stopped when the process has ended.
        drop(Command::new(down).args(["--now", "--remove"]).arg(&self.folder).stdin(Stdio::null()).output());
    }
}
