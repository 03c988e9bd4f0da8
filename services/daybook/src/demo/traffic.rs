//! The sample shop's webhooks, sent as its platform and its courier would: signed, over a few connections that are kept.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use futures::StreamExt;
use reqwest::{Client, RequestBuilder, StatusCode};
use sample_shop::{Delivery, Endpoint, sign_shopify};
use serde::{Deserialize, Serialize};

use super::stage::Stage;
use crate::output::bar_of_items;

/// Requests under way at once.
const AT_ONCE: usize = 64;

/// How often a delivery that was answered 503 is sent again.
const TRIES: u32 = 20;

/// What was sent and what became of it.
#[derive(Debug, Clone, Default, Serialize)]
pub(super) struct Sent {
    /// Deliveries, repeats and malformed ones included.
    pub(super) requests: u64,
    /// Of them understood.
    pub(super) accepted: u64,
    /// Facts in those.
    pub(super) facts: u64,
    /// Of them not understood.
    pub(super) quarantined: u64,
    /// Deliveries that were answered 503 and sent again.
    pub(super) tried_again: u64,
    /// How long all of it took.
    pub(super) milliseconds: u64,
}

/// What ingest answers.
#[derive(Deserialize)]
#[serde(untagged)]
enum Answer {
    Accepted { accepted: u64 },
    Quarantined { quarantined: bool },
}

/// Sends everything.
pub(super) async fn send(url: &str, stage: &Stage, deliveries: Vec<Delivery>) -> Result<Sent> {
    let client = Client::builder()
        .no_proxy()
        // It talks to this process alone, and works on a machine without certificates.
        .tls_certs_only([])
        .pool_max_idle_per_host(AT_ONCE)
        .timeout(Duration::from_secs(10))
        .build()
        .context("no HTTP client")?;
    let (started, bar) = (Instant::now(), bar_of_items("webhooks sent", deliveries.len() as u64));
    let mut sent = Sent::default();
    let one = |delivery: Delivery| deliver(&client, url, stage, delivery);
    let mut answers = futures::stream::iter(deliveries).map(one).buffer_unordered(AT_ONCE);
    while let Some(answer) = answers.next().await {
        let (answer, again) = answer?;
        sent.count(&answer, again);
        bar.inc(1);
    }
    bar.finish_and_clear();
    sent.milliseconds = u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX);
    Ok(sent)
}

impl Sent {
    fn count(&mut self, answer: &Answer, again: u64) {
        self.requests += 1;
        self.tried_again += again;
        match answer {
            Answer::Accepted { accepted } => {
                self.accepted += 1;
                self.facts += accepted;
            }
            Answer::Quarantined { quarantined } => self.quarantined += u64::from(*quarantined),
        }
    }
}

/// Sends one delivery until it is taken. Gives the answer, and how often it had to be sent again.
async fn deliver(client: &Client, url: &str, stage: &Stage, delivery: Delivery) -> Result<(Answer, u64)> {
    for again in 0..u64::from(TRIES) {
        let response = request(client, url, stage, &delivery).send().await.context("the endpoint does not answer")?;
        match response.status() {
            StatusCode::OK => return Ok((serde_json::from_slice(&response.bytes().await?)?, again)),
            StatusCode::SERVICE_UNAVAILABLE => tokio::time::sleep(Duration::from_millis(250)).await,
            status => bail!("a webhook was answered {status}"),
        }
    }
    bail!("a webhook was answered 503 {TRIES} times")
}

fn request(client: &Client, url: &str, stage: &Stage, delivery: &Delivery) -> RequestBuilder {
    let tenant = &stage.tenant.tenant;
    let request = match delivery.endpoint {
        Endpoint::Shopify { topic } => client
            .post(format!("{url}/webhooks/shopify/{tenant}"))
            .header("X-Shopify-Topic", topic)
            .header("X-Shopify-Hmac-Sha256", sign_shopify(&stage.shopify_secret, &delivery.body))
            .header("X-Shopify-Triggered-At", &delivery.triggered_at)
            .header("X-Shopify-Webhook-Id", &delivery.webhook_id),
        Endpoint::Courier { courier } => client
            .post(format!("{url}/webhooks/couriers/{tenant}/{courier}"))
            .header("X-Webhook-Secret", &stage.courier_secret),
    };
    request.header("Content-Type", "application/json").body(delivery.body.clone())
}
