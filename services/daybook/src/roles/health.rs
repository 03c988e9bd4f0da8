//! What an operator's tools ask a process: does it live, can it work, and its figures.

use std::future::Future;
use std::time::Duration;

use anyhow::{Context, Result};
use axum::extract::State;
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::response::IntoResponse;
use axum::routing::get;
use axum::{Json, Router};
use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle};
use serde::Serialize;
use tokio_util::sync::CancellationToken;

use crate::platform::Platform;

/// How long each part may take to say that it is there.
const READY_WITHIN: Duration = Duration::from_secs(2);

/// How often the lag is measured and old samples of the metrics are folded away.
const WATCH_EVERY: Duration = Duration::from_secs(5);

#[derive(Clone)]
struct Asked {
    platform: Platform,
    accepting: CancellationToken,
    metrics: PrometheusHandle,
}

/// Which parts answer.
#[derive(Serialize)]
struct Readiness {
    ready: bool,
    log: &'static str,
    books: &'static str,
    keys: &'static str,
}

/// The routes `/healthz`, `/readyz` and `/metrics`. Begins to record metrics for this process.
pub(super) fn router(platform: &Platform, accepting: CancellationToken) -> Result<Router> {
    let metrics = PrometheusBuilder::new().install_recorder().context("metrics cannot be recorded")?;
    let upkeep = metrics.clone();
    let until = accepting.clone();
    tokio::spawn(async move {
        while until.run_until_cancelled(tokio::time::sleep(WATCH_EVERY)).await.is_some() {
            upkeep.run_upkeep();
        }
    });
    let asked = Asked { platform: platform.clone(), accepting, metrics };
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
    let (log, books, keys) = tokio::join!(
        answers(log.check()),
        answers(db.query("SELECT 1", vec![])),
        // A question the key store answers from an index that is empty nearly always.
        answers(keys.unfinished_erasures()),
    );
    let ready = [log, books, keys].iter().all(|part| *part == OK) && !asked.accepting.is_cancelled();
    let status = if ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (status, Json(Readiness { ready, log, books, keys }))
}

const OK: &str = "ok";

async fn answers<T, E>(question: impl Future<Output = Result<T, E>>) -> &'static str {
    match tokio::time::timeout(READY_WITHIN, question).await {
        Ok(Ok(_)) => OK,
        Ok(Err(_)) => "unavailable",
        Err(_) => "no answer in time",
    }
}

/// Keeps the metric `processor_lag_records` until told to stop.
pub(super) async fn watch_lag(platform: Platform, working: CancellationToken) -> Result<()> {
    while working.run_until_cancelled(tokio::time::sleep(WATCH_EVERY)).await.is_some() {
        if let Ok(lag) = processor::lag(&platform.log, &platform.db).await {
            // Gauges are floats; a lag beyond 2^32 need not be exact.
            metrics::gauge!("processor_lag_records").set(u32::try_from(lag).unwrap_or(u32::MAX));
        }
    }
    Ok(())
}
