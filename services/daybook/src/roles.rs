//! The roles of a running platform, in one process or several: webhooks, processor, page, privacy. Each process has one
//! listener, with `/healthz`, `/readyz` and `/metrics` beside what its roles serve.
//!
//! On SIGTERM or Ctrl-C it stops accepting, answers what is under way, commits it, finishes the batch at hand, and exits
//! with 0; each step waits 10 s at most.

mod health;

use std::future::Future;
use std::net::SocketAddr;
use std::time::Duration;

use anyhow::{Context, Error, Result, anyhow};
use axum::Router;
use ingest::Ingest;
use store::keys::OpenKeysError;
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio::task::{JoinHandle, JoinSet};
use tokio_util::sync::CancellationToken;

use crate::config::Settings;
use crate::output::{Answer, print};
use crate::platform::{Platform, now, refuse_forgotten};

/// What a process does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Role {
    /// The webhook endpoints.
    Ingest,
    /// Books, read models, relay.
    Processor,
    /// The page.
    Api,
    /// Finishes erasures and keeps the key epochs.
    Privacy,
}

/// Everything in one process.
pub(crate) const ALL: &[Role] = &[Role::Ingest, Role::Processor, Role::Api, Role::Privacy];

/// How long each step of a shutdown may take.
const DRAIN_WITHIN: Duration = Duration::from_secs(10);

/// How often unfinished erasures are looked for.
const RESUME_EVERY: Duration = Duration::from_secs(5);

/// Runs roles until the process is told to stop, or until one of them fails for good.
pub(crate) async fn run(settings: &Settings, roles: &[Role], as_json: bool) -> Result<Answer> {
    let stop = told_to_stop()?;
    let platform = Platform::open_or_create(settings).await?;
    match crate::privacy::forgotten_of_log(&platform.keys, &platform.db).await?.len() {
        0 => {}
        forgotten => return Err(refuse_forgotten(OpenKeysError::ForgottenErasures(forgotten))),
    }
    let mut running = Running::start(settings, &platform, roles).await?;
    let url = running.url();
    let names: Vec<&str> = roles.iter().map(|role| role.name()).collect();
    let started = serde_json::json!({ "listening": url, "roles": names });
    print(&Answer::new(&started, format!("daybook is listening on {url}\n")), as_json);
    let failed = tokio::select! {
        () = stop => None,
        error = running.failed() => Some(error),
    };
    tracing::info!("stopping");
    let stopped = running.stop().await;
    match failed {
        Some(error) => Err(error),
        None => stopped.map(|()| Answer::silent()),
    }
}

/// Ends with the first SIGTERM or Ctrl-C. The handlers stand from the call on, not from the first wait.
pub(crate) fn told_to_stop() -> Result<impl Future<Output = ()>> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    Ok(async move {
        tokio::select! { _ = terminate.recv() => {}, _ = interrupt.recv() => {} }
    })
}

/// Roles at work.
pub(crate) struct Running {
    address: SocketAddr,
    /// Cancelled first: no new connections.
    accepting: CancellationToken,
    /// Cancelled when every answer is out: commit what is queued.
    taking: CancellationToken,
    /// Cancelled last.
    working: CancellationToken,
    server: JoinHandle<std::io::Result<()>>,
    ingest: Option<Ingest>,
    workers: JoinSet<Result<()>>,
}

impl Running {
    /// Starts roles and listens.
    pub(crate) async fn start(settings: &Settings, platform: &Platform, roles: &[Role]) -> Result<Running> {
        let [accepting, taking, working] = [(); 3].map(|()| CancellationToken::new());
        let listener = TcpListener::bind(settings.listen).await;
        let listener = listener.with_context(|| {
            format!("cannot listen on {}: choose another address with --listen, such as 127.0.0.1:0", settings.listen)
        })?;
        let address = listener.local_addr()?;
        let ingest = roles.contains(&Role::Ingest).then(|| start_ingest(settings, platform, &taking));
        let mut routes = health::router(settings, platform, accepting.clone())?;
        if let Some(ingest) = &ingest {
            routes = routes.merge(ingest.router());
        }
        if roles.contains(&Role::Api) {
            routes = routes.merge(api::router(platform.db.clone(), now));
            routes = routes.merge(crate::privacy::self_service(platform));
        }
        let server = tokio::spawn(serve(listener, routes, accepting.clone()));
        let workers = start_workers(settings, platform, roles, &working);
        Ok(Running { address, accepting, taking, working, server, ingest, workers })
    }

    /// Where it listens.
    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Waits until a role ends without having been told to: that is always a failure.
    pub(crate) async fn failed(&mut self) -> Error {
        match self.workers.join_next().await {
            Some(Ok(Err(error))) => error,
            Some(Err(panic)) => anyhow!("a role stopped: {panic}"),
            Some(Ok(Ok(()))) => anyhow!("a role ended by itself"),
            None => std::future::pending().await,
        }
    }

    /// Drains and stops.
    pub(crate) async fn stop(mut self) -> Result<()> {
        self.accepting.cancel();
        let served = tokio::time::timeout(DRAIN_WITHIN, self.server).await;
        self.taking.cancel();
        if let Some(ingest) = &self.ingest {
            drop(tokio::time::timeout(DRAIN_WITHIN, ingest.drained()).await);
        }
        self.working.cancel();
        let finished = tokio::time::timeout(DRAIN_WITHIN, async {
            while let Some(ended) = self.workers.join_next().await {
                ended??;
            }
            anyhow::Ok(())
        });
        match finished.await {
            Ok(outcome) => outcome?,
            Err(_) => tracing::warn!(
                "a role did not finish in time; what it had not committed is done again at the next start"
            ),
        }
        match served {
            Ok(outcome) => outcome?.context("the listener failed"),
            Err(_) => {
                tracing::warn!("connections were still open and are cut off; nothing they sent was acknowledged");
                Ok(())
            }
        }
    }
}

async fn serve(listener: TcpListener, routes: Router, accepting: CancellationToken) -> std::io::Result<()> {
    axum::serve(listener, routes).with_graceful_shutdown(accepting.cancelled_owned()).await
}

fn start_ingest(settings: &Settings, platform: &Platform, taking: &CancellationToken) -> Ingest {
    let (max_body, tenant_per_second) = (settings.max_body, settings.tenant_per_second);
    let config = ingest::Config { max_body, tenant_per_second, ..ingest::Config::default() };
    Ingest::start(config, platform.keys.clone(), platform.log.clone(), platform.db.clone(), taking.clone())
}

fn start_workers(
    settings: &Settings,
    platform: &Platform,
    roles: &[Role],
    working: &CancellationToken,
) -> JoinSet<Result<()>> {
    let mut workers = JoinSet::new();
    workers.spawn(health::watch_erasures(platform.clone(), working.clone()));
    workers.spawn(health::watch_epoch_keys(platform.keys.clone(), working.clone()));
    if roles.contains(&Role::Processor) {
        let config = platform.processor_config(settings);
        let run = processor::run(config, platform.log.clone(), platform.db.clone(), working.clone());
        workers.spawn(async move { run.await.context("the processor stopped") });
        workers.spawn(health::watch_lag(platform.clone(), working.clone()));
    }
    if roles.contains(&Role::Privacy) {
        let Platform { keys, log, db } = platform.clone();
        let run = privacy::run(privacy::Config { keys, log, db, every: RESUME_EVERY }, working.clone());
        workers.spawn(async move {
            run.await;
            Ok(())
        });
    }
    workers
}

impl Role {
    fn name(self) -> &'static str {
        match self {
            Role::Ingest => "ingest",
            Role::Processor => "processor",
            Role::Api => "api",
            Role::Privacy => "privacy",
        }
    }
}
