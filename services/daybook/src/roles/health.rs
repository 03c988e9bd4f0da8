//! What an operator's tools ask a process: does it live, can it work, and its figures.

use std::future::Future;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use axum::extract::State;
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::response::IntoResponse;
use axum::routing::get;
use axum::{Json, Router};
use event_log::EventLog;
use events::Reason;
use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle};
use serde::Serialize;
use store::books::{self, Projection};
use store::db::{Db, DbError};
use store::keys::{KeyStore, KeyStoreError, OpenKeysError};
use tokio::sync::Mutex;
use tokio_util::sync::CancellationToken;

use crate::config::{Backend, Settings};
use crate::doctor::{is_full, write_probe};
use crate::platform::{Platform, now};

/// How long each part may take to say that it is there.
const READY_WITHIN: Duration = Duration::from_secs(2);

/// How often the lag is measured and old samples of the metrics are folded away.
const WATCH_EVERY: Duration = Duration::from_secs(5);

/// How long what the disk said stands: whoever asks more often does not wear it.
const PROBE_EVERY: Duration = Duration::from_secs(1);

#[derive(Clone)]
struct Asked {
    platform: Platform,
    disk: Disk,
    accepting: CancellationToken,
    metrics: PrometheusHandle,
}

/// The disk of an embedded platform, which reads well long after it has become full.
#[derive(Clone)]
struct Disk {
    /// None with servers: their disks are theirs to watch.
    folder: Option<PathBuf>,
    said: Arc<Mutex<Option<(Instant, &'static str)>>>,
}

impl Disk {
    fn of(settings: &Settings) -> Disk {
        let embedded = matches!(settings.backend, Backend::Embedded { .. });
        Disk { folder: embedded.then(|| settings.data.clone()), said: Arc::default() }
    }

    /// [`OK`], or why nothing can be written. One question is put to the disk at a time.
    async fn takes_writes(&self) -> &'static str {
        let Some(folder) = self.folder.clone() else { return OK };
        let mut said = self.said.lock().await;
        if let Some((_, word)) = said.filter(|(at, _)| at.elapsed() < PROBE_EVERY) {
            return word;
        }
        let word = match tokio::task::spawn_blocking(move || write_probe(&folder)).await {
            Ok(Ok(())) => OK,
            Ok(Err(error)) if is_full(&error) => "no space left",
            Ok(Err(_)) | Err(_) => "cannot be written",
        };
        *said = Some((Instant::now(), word));
        word
    }
}

/// Which parts answer.
#[derive(Serialize)]
struct Readiness {
    ready: bool,
    log: &'static str,
    books: &'static str,
    keys: &'static str,
    /// Read models that nobody folds because somebody wanted it so: no reason not to be ready.
    paused: Vec<&'static str>,
}

/// The routes `/healthz`, `/readyz` and `/metrics`. Begins to record metrics for this process.
pub(super) fn router(settings: &Settings, platform: &Platform, accepting: CancellationToken) -> Result<Router> {
    let metrics = PrometheusBuilder::new().install_recorder().context("metrics cannot be recorded")?;
    let upkeep = metrics.clone();
    let until = accepting.clone();
    tokio::spawn(async move {
        while until.run_until_cancelled(tokio::time::sleep(WATCH_EVERY)).await.is_some() {
            upkeep.run_upkeep();
        }
    });
    let asked = Asked { platform: platform.clone(), disk: Disk::of(settings), accepting, metrics };
    let routes = Router::new()
        .route("/healthz", get(async || Json(serde_json::json!({ "alive": true }))))
        .route("/readyz", get(readyz))
        .route(
            "/metrics",
            get(async |State(asked): State<Asked>| {
                ([(CONTENT_TYPE, "text/plain; version=0.0.4")], asked.metrics.render())
            }),
        );
    Ok(routes.with_state(asked))
}

async fn readyz(State(asked): State<Asked>) -> impl IntoResponse {
    let Platform { log, db, keys } = &asked.platform;
    let (log, (books, paused), keys) = tokio::join!(log_answers(log, &asked.disk), books_answer(db), keys_answer(keys));
    let ready = [log, books, keys].iter().all(|part| *part == OK) && !asked.accepting.is_cancelled();
    let status = if ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (status, Json(Readiness { ready, log, books, keys, paused }))
}

/// Whether the books answer, and what of them is paused.
async fn books_answer(db: &Db) -> (&'static str, Vec<&'static str>) {
    match tokio::time::timeout(READY_WITHIN, books::paused(db)).await {
        Ok(Ok(paused)) => (OK, paused.into_keys().map(|projection| projection.name()).collect()),
        Ok(Err(_)) => ("unavailable", Vec::new()),
        Err(_) => ("no answer in time", Vec::new()),
    }
}

const OK: &str = "ok";

/// A log that can be read but takes nothing more is no log to accept requests for.
async fn log_answers(log: &EventLog, disk: &Disk) -> &'static str {
    let writable = tokio::time::timeout(READY_WITHIN, disk.takes_writes());
    match tokio::join!(answers(log.check()), writable) {
        (OK, written) => written.unwrap_or("no answer in time"),
        (problem, _) => problem,
    }
}

/// A key store whose keyring lacks a key in use can be read, but nothing should be sealed under that key.
async fn keys_answer(keys: &KeyStore) -> &'static str {
    // A question the key store answers from an index that is empty nearly always.
    let answers = answers(keys.unfinished_erasures());
    let missing = tokio::time::timeout(READY_WITHIN, keys.missing_epoch_keys());
    match tokio::join!(answers, missing) {
        (OK, Ok(Ok(missing))) if missing.is_empty() => OK,
        (OK, Ok(Ok(_))) => "the key of an epoch in use is missing",
        (OK, Ok(Err(_))) => "unavailable",
        (OK, Err(_)) => "no answer in time",
        (problem, _) => problem,
    }
}

async fn answers<T, E>(question: impl Future<Output = Result<T, E>>) -> &'static str {
    match tokio::time::timeout(READY_WITHIN, question).await {
        Ok(Ok(_)) => OK,
        Ok(Err(_)) => "unavailable",
        Err(_) => "no answer in time",
    }
}

/// What the key store has forgotten that the keyring lists, if anything.
async fn forgotten(keys: &KeyStore) -> Result<Option<OpenKeysError>, KeyStoreError> {
    match keys.forgotten_erasures().await?.len() {
        0 => {}
        erasures => return Ok(Some(OpenKeysError::ForgottenErasures(erasures))),
    }
    let decisions = keys.forgotten_decisions().await?.len();
    Ok((decisions > 0).then_some(OpenKeysError::ForgottenDecisions(decisions)))
}

/// Ends with an error when the key store has forgotten erasures or decisions: it was put back from before them while this process
/// runs, which would open those people's data again.
pub(super) async fn watch_erasures(platform: Platform, working: CancellationToken) -> Result<()> {
    // Said when it begins to fail and not every time: it may take an operator hours to mend.
    let mut failing = false;
    while working.run_until_cancelled(tokio::time::sleep(WATCH_EVERY)).await.is_some() {
        match forgotten(&platform.keys).await {
            Ok(None) => failing = false,
            Ok(Some(forgotten)) => return Err(crate::platform::refuse_forgotten(forgotten)),
            Err(error) => {
                if !failing {
                    tracing::warn!(
                        %error,
                        "it could not be seen whether the key store has forgotten erasures or decisions; trying again"
                    );
                }
                failing = true;
            }
        }
    }
    Ok(())
}

/// Looks whether the keys of the epochs in use lie in the keyring, until told to stop: the key store keeps the metric
/// `store_epoch_keys_missing` of it, and says in the log what changes, also when nobody sends anything or asks.
pub(super) async fn watch_epoch_keys(keys: KeyStore, working: CancellationToken) -> Result<()> {
    loop {
        if let Err(error) = keys.missing_epoch_keys().await {
            tracing::warn!(%error, "it could not be seen whether the keys of epochs are in the keyring; trying again");
        }
        if working.run_until_cancelled(tokio::time::sleep(WATCH_EVERY)).await.is_none() {
            return Ok(());
        }
    }
}

/// Keeps the metric `processor_lag_records` until told to stop. It is of all partitions: processes that share them say the same.
pub(super) async fn watch_lag(platform: Platform, working: CancellationToken) -> Result<()> {
    while working.run_until_cancelled(tokio::time::sleep(WATCH_EVERY)).await.is_some() {
        for (projection, lag) in processor::lags(&platform.log, &platform.db).await.unwrap_or_default() {
            metrics::gauge!("processor_lag_records", "projection" => projection).set(gauge(lag));
        }
        if let Err(error) = watch_waiting(&platform.db).await {
            tracing::debug!(%error, "it could not be seen what waits in quarantine; looking again");
        }
    }
    Ok(())
}

/// Keeps the metrics of what is not in the books until somebody sees to it: inputs in quarantine, and records on the log that
/// cannot be read. Like the lag they are of the whole database, whoever asks.
async fn watch_waiting(db: &Db) -> Result<(), DbError> {
    let waiting = books::waiting_inputs(db).await?;
    for reason in Reason::NAMES {
        let inputs = waiting.iter().find(|one| one.reason == reason).map_or(0, |one| one.inputs);
        metrics::gauge!("quarantine_inputs", "reason" => reason).set(gauge(inputs));
    }
    let oldest = waiting.iter().map(|one| now().0.saturating_sub(one.oldest.0).unsigned_abs() / 1_000_000).max();
    metrics::gauge!("quarantine_oldest_seconds").set(gauge(oldest.unwrap_or(0)));
    let poison = books::count_poison(db).await?;
    for projection in Projection::ALL {
        let records = poison.get(projection.name()).copied().unwrap_or(0);
        metrics::gauge!("processor_poison_records", "projection" => projection.name()).set(gauge(records));
    }
    Ok(())
}

/// Gauges are floats; what is beyond 2^32 need not be exact.
fn gauge(number: u64) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}
