//! The two endpoints. Their checks, in this order: the content type, the size, then a tenant with a secret for this sender and
//! the secret or signature; only then is the body looked at. Whatever is answered before that last check is answered for any
//! tenant, and its own answer is one for all: nobody learns which tenants exist.

use std::sync::Arc;

use axum::Router;
use axum::body::{Body, HttpBody};
use axum::extract::{Path, Request, State};
use axum::http::{HeaderMap, header};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use chrono::DateTime;
use commerce::TenantId;
use events::Source;
use futures::StreamExt;
use ledger::Timestamp;
use secrecy::SecretString;
use store::books::TenantRow;
use uuid::Uuid;

use crate::answer::{Refusal, Taken};
use crate::limits::Place;
use crate::seal::{NotRead, Unsealed};
use crate::tenants::Known;
use crate::{Ingest, reading, signature};

/// Shopify's headers, by their names of today and those without `X-` that are to come.
const SIGNATURE: [&str; 2] = ["x-shopify-hmac-sha256", "shopify-hmac-sha256"];
const TOPIC: [&str; 2] = ["x-shopify-topic", "shopify-topic"];
const TRIGGERED_AT: [&str; 2] = ["x-shopify-triggered-at", "shopify-triggered-at"];
const WEBHOOK_ID: [&str; 2] = ["x-shopify-webhook-id", "shopify-webhook-id"];
const EVENT_ID: [&str; 2] = ["x-shopify-event-id", "shopify-event-id"];

/// Topics by which a shop passes on what people, and it itself, may ask for. Taken of a closed or paused account too, and however
/// many there are.
const PRIVACY_TOPICS: [&str; 3] = ["customers/data_request", "customers/redact", "shop/redact"];

/// Where a courier's secret stands: as it is here, or as a bearer token.
const COURIER_SECRET: &str = "x-webhook-secret";

pub(crate) fn router(ingest: Ingest) -> Router {
    Router::new()
        .route("/webhooks/shopify/{tenant}", post(shopify))
        .route("/webhooks/couriers/{tenant}/{courier}", post(courier))
        .with_state(ingest)
}

async fn shopify(State(ingest): State<Ingest>, Path(tenant): Path<String>, request: Request) -> Response {
    ingest.answer("shopify", ingest.shopify(&tenant, request)).await
}

async fn courier(
    State(ingest): State<Ingest>,
    Path((tenant, courier)): Path<(String, String)>,
    request: Request,
) -> Response {
    ingest.answer("couriers", ingest.courier(&tenant, &courier, request)).await
}

/// Who a request says it is from: a tenant that exists, and the secrets that prove it.
struct Sender {
    known: Arc<Known>,
    secrets: Arc<[SecretString]>,
}

/// An authentic body.
struct Delivery<'s> {
    origin: Source,
    topic: String,
    received_at: Timestamp,
    /// What dates that which has no date of its own.
    at: Timestamp,
    /// The secret that proved it.
    secret: &'s SecretString,
    body: Vec<u8>,
}

impl Ingest {
    /// Answers within the time allowed and counts the answer.
    async fn answer(&self, route: &'static str, work: impl Future<Output = Result<Taken, Refusal>>) -> Response {
        let within = self.shared.config.answer_within;
        let response = match tokio::time::timeout(within, work).await.unwrap_or(Err(Refusal::Late)) {
            Ok(taken) => taken.into_response(),
            Err(refusal) => {
                metrics::counter!("ingest_rejected_total", "reason" => refusal.reason()).increment(1);
                refusal.into_response()
            }
        };
        let status = response.status().as_str().to_owned();
        metrics::counter!("ingest_requests_total", "route" => route, "status" => status).increment(1);
        response
    }

    async fn shopify(&self, tenant: &str, request: Request) -> Result<Taken, Refusal> {
        let received_at = (self.shared.config.clock)();
        let (head, body) = request.into_parts();
        self.check_head(&head.headers, &body)?;
        let given = shopify_header(&head.headers, SIGNATURE).ok_or(Refusal::NotSigned)?;
        let mut place = self.shared.limits.enter().ok_or(Refusal::Overloaded)?;
        let body = self.whole(body, &mut place).await?;
        let sender = self.sender(tenant, Source::SHOPIFY.as_str()).await?;
        let secret = signature::signer(&sender.secrets, given.as_bytes(), &body).ok_or(Refusal::BadSignature)?;
        let topic = reading::topic(shopify_header(&head.headers, TOPIC));
        // What a shop says about people is taken as long as it can be proved to come from there: it is the law.
        if !PRIVACY_TOPICS.contains(&topic.as_str()) {
            self.admit(&sender).await?;
        }
        let id = |name| shopify_header(&head.headers, name).and_then(|text| Uuid::parse_str(text).ok());
        let (webhook, event) = (id(WEBHOOK_ID), id(EVENT_ID));
        tracing::debug!(tenant = sender.known.row.tenant.as_str(), topic, ?webhook, ?event, "an authentic webhook");
        let at = shopify_header(&head.headers, TRIGGERED_AT).and_then(instant).unwrap_or(received_at);
        let delivery = Delivery { origin: Source::SHOPIFY, topic, received_at, at, secret, body };
        self.take(&sender.known.row, delivery, place).await
    }

    async fn courier(&self, tenant: &str, courier: &str, request: Request) -> Result<Taken, Refusal> {
        let received_at = (self.shared.config.clock)();
        let origin = courier_known(courier).ok_or(Refusal::UnknownCourier)?;
        let (head, body) = request.into_parts();
        self.check_head(&head.headers, &body)?;
        let sender = self.sender(tenant, origin.as_str()).await?;
        // The secret does not depend on the body, so nothing is read for whoever does not have it.
        let given = courier_secret(&head.headers).ok_or(Refusal::NotSigned)?;
        let secret = signature::holder(&sender.secrets, given).ok_or(Refusal::BadSignature)?;
        self.admit(&sender).await?;
        let mut place = self.shared.limits.enter().ok_or(Refusal::Overloaded)?;
        let body = self.whole(body, &mut place).await?;
        let delivery = Delivery { origin, topic: String::new(), received_at, at: received_at, secret, body };
        self.take(&sender.known.row, delivery, place).await
    }

    async fn sender(&self, tenant: &str, sender: &str) -> Result<Sender, Refusal> {
        let id: TenantId = tenant.parse().map_err(|_| Refusal::UnknownSender)?;
        let known = self.shared.tenants.find(&id).await.map_err(|error| unavailable(&error))?;
        let secrets = self.shared.keys.secrets(&id, sender).await.map_err(|error| unavailable(&error))?;
        let known = known.filter(|_| !secrets.is_empty()).ok_or(Refusal::UnknownSender)?;
        Ok(Sender { known, secrets })
    }

    /// Refuses what is sent to a closed account, to one that an operator has paused, and what comes too fast. Asked of authentic
    /// requests only: nobody else learns how it stands with a tenant, or draws from what it may send.
    async fn admit(&self, sender: &Sender) -> Result<(), Refusal> {
        let Known { row, intake } = &*sender.known;
        if self.shared.keys.is_closed(&row.tenant).await.map_err(|error| unavailable(&error))? {
            return Err(Refusal::Closed);
        }
        if intake.paused_at.is_some() {
            return Err(Refusal::Paused);
        }
        // Not when the request began: it may have taken seconds to come.
        let now = (self.shared.config.clock)();
        if !self.shared.rates.take(&row.tenant, intake.per_second, now) {
            tracing::debug!(tenant = row.tenant.as_str(), "more webhooks than it may send");
            return Err(Refusal::TooMany);
        }
        Ok(())
    }

    /// What the head of a request shows, before any of its body is read.
    fn check_head(&self, headers: &HeaderMap, body: &Body) -> Result<(), Refusal> {
        if !is_json(headers) {
            return Err(Refusal::NotJson);
        }
        // Of a body with a Content-Length this is that length.
        let at_least = usize::try_from(body.size_hint().lower()).unwrap_or(usize::MAX);
        if at_least > self.shared.config.max_body { Err(Refusal::TooLarge) } else { Ok(()) }
    }

    /// The whole body. Never holds more than the limit, whatever its sender said of its length.
    async fn whole(&self, body: Body, place: &mut Place) -> Result<Vec<u8>, Refusal> {
        let mut chunks = body.into_data_stream();
        let mut whole = Vec::new();
        while let Some(chunk) = chunks.next().await {
            let chunk = chunk.map_err(|_| Refusal::Interrupted)?;
            if whole.len() + chunk.len() > self.shared.config.max_body {
                return Err(Refusal::TooLarge);
            }
            if !place.grow(chunk.len()) {
                return Err(Refusal::Overloaded);
            }
            whole.extend_from_slice(&chunk);
        }
        Ok(whole)
    }

    /// Reads an authentic body and waits until the log has its facts, or has it whole.
    async fn take(&self, tenant: &TenantRow, delivery: Delivery<'_>, place: Place) -> Result<Taken, Refusal> {
        let Delivery { origin, topic, received_at, at, secret, body } = delivery;
        match reading::read(tenant, &origin, &topic, at, &body) {
            Ok(drafts) => {
                drop(body);
                Ok(Taken::Facts(self.accept(&tenant.tenant, &origin, drafts, place).await?.facts))
            }
            Err(problem) => {
                let (reason, digest) = (reading::reason(problem), signature::digest(secret, &body));
                let input = NotRead { reason, origin, topic, received_at, digest, body };
                self.commit(vec![Unsealed::not_understood(&tenant.tenant, input)], place).await?;
                Ok(Taken::Quarantined)
            }
        }
    }
}

/// The couriers whose pushes we can read.
fn courier_known(slug: &str) -> Option<Source> {
    (slug == Source::POSTEX.as_str()).then_some(Source::POSTEX)
}

fn unavailable(error: &dyn std::error::Error) -> Refusal {
    tracing::warn!(%error, "a sender could not be looked up");
    Refusal::Unavailable
}

/// `application/json`, with or without parameters such as a charset.
fn is_json(headers: &HeaderMap) -> bool {
    let content_type = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let essence = content_type.and_then(|text| text.split(';').next());
    essence.is_some_and(|essence| essence.trim().eq_ignore_ascii_case("application/json"))
}

fn shopify_header<'h>(headers: &'h HeaderMap, names: [&str; 2]) -> Option<&'h str> {
    names.into_iter().find_map(|name| headers.get(name)).and_then(|value| value.to_str().ok())
}

fn courier_secret(headers: &HeaderMap) -> Option<&[u8]> {
    let bearer = || headers.get(header::AUTHORIZATION)?.as_bytes().strip_prefix(b"Bearer ");
    headers.get(COURIER_SECRET).map(|value| value.as_bytes()).or_else(bearer)
}

fn instant(text: &str) -> Option<Timestamp> {
    DateTime::parse_from_rfc3339(text).ok().map(Timestamp::from)
}
