//! What a sender is told. Errors are RFC 9457 problem documents made of fixed texts: nothing that was sent comes back.

use axum::Json;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::json;

use crate::AcceptError;

/// Seconds after which a sender that was turned away may come back.
const RETRY_AFTER: HeaderValue = HeaderValue::from_static("5");

/// The same for a tenant that an operator has paused: nothing changes within seconds.
const RETRY_AFTER_PAUSE: HeaderValue = HeaderValue::from_static("60");

const PROBLEM: HeaderValue = HeaderValue::from_static("application/problem+json");

/// What became of an authentic body. The log has it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Taken {
    /// It held so many facts.
    Facts(usize),
    /// It was not understood and is kept, sealed.
    Quarantined,
}

/// Why a request was turned away. Nothing of it was kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// No such tenant, or it has no secret for this sender.
    UnknownSender,
    /// There is no signature or secret.
    NotSigned,
    /// The signature or secret is another.
    BadSignature,
    /// The account is closed. Only whoever has a valid secret is told so.
    Closed,
    /// An operator has paused the tenant. Only whoever has a valid secret is told so.
    Paused,
    /// The tenant sends more in a second than it may.
    TooMany,
    /// We know no such courier.
    UnknownCourier,
    /// Not JSON by its own word.
    NotJson,
    /// The body, or a fact in it, is too large.
    TooLarge,
    /// The sender stopped in the middle of the body.
    Interrupted,
    /// Too much is under way.
    Overloaded,
    /// A database or the log did not take it.
    Unavailable,
    /// It took too long.
    Late,
    /// This process is shutting down.
    Stopping,
}

impl Refusal {
    fn status(self) -> StatusCode {
        match self {
            // One answer for all three, so that it does not tell which tenants exist.
            Refusal::UnknownSender | Refusal::NotSigned | Refusal::BadSignature => StatusCode::UNAUTHORIZED,
            // Not 401, which a sender would take for a wrong secret, nor 503, after which it would come back.
            Refusal::Closed => StatusCode::GONE,
            Refusal::UnknownCourier => StatusCode::NOT_FOUND,
            Refusal::NotJson => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Refusal::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Refusal::Interrupted => StatusCode::BAD_REQUEST,
            Refusal::TooMany => StatusCode::TOO_MANY_REQUESTS,
            Refusal::Paused | Refusal::Overloaded | Refusal::Unavailable | Refusal::Late | Refusal::Stopping => {
                StatusCode::SERVICE_UNAVAILABLE
            }
        }
    }

    fn detail(self) -> &'static str {
        match self.status() {
            StatusCode::UNAUTHORIZED => "The request is not signed with a secret that is valid here.",
            StatusCode::GONE => "The account is closed, and takes nothing any more.",
            StatusCode::NOT_FOUND => "There is no such courier.",
            StatusCode::TOO_MANY_REQUESTS => "More came in a second than is taken. Send it again later.",
            StatusCode::UNSUPPORTED_MEDIA_TYPE => "Send application/json.",
            StatusCode::PAYLOAD_TOO_LARGE => "The body is larger than is taken here.",
            StatusCode::BAD_REQUEST => "The body did not arrive whole.",
            _ => "Nothing was taken. Send it again later.",
        }
    }

    /// When whoever was turned away may come back, if that can help.
    fn retry_after(self) -> Option<HeaderValue> {
        match self.status() {
            _ if self == Refusal::Paused => Some(RETRY_AFTER_PAUSE),
            StatusCode::SERVICE_UNAVAILABLE | StatusCode::TOO_MANY_REQUESTS => Some(RETRY_AFTER),
            _ => None,
        }
    }

    /// The label under which it is counted.
    pub(crate) fn reason(self) -> &'static str {
        match self {
            Refusal::UnknownSender => "unknown_sender",
            Refusal::NotSigned => "not_signed",
            Refusal::BadSignature => "bad_signature",
            Refusal::Closed => "closed",
            Refusal::Paused => "paused",
            Refusal::TooMany => "too_many",
            Refusal::UnknownCourier => "unknown_courier",
            Refusal::NotJson => "not_json",
            Refusal::TooLarge => "too_large",
            Refusal::Interrupted => "interrupted",
            Refusal::Overloaded => "overloaded",
            Refusal::Unavailable => "unavailable",
            Refusal::Late => "late",
            Refusal::Stopping => "stopping",
        }
    }
}

impl From<AcceptError> for Refusal {
    fn from(error: AcceptError) -> Refusal {
        match error {
            AcceptError::TooLarge => Refusal::TooLarge,
            AcceptError::Keys(_) | AcceptError::Log(_) => Refusal::Unavailable,
            AcceptError::Overloaded => Refusal::Overloaded,
            AcceptError::Stopping => Refusal::Stopping,
        }
    }
}

impl IntoResponse for Taken {
    fn into_response(self) -> Response {
        match self {
            Taken::Facts(facts) => Json(json!({ "accepted": facts })).into_response(),
            Taken::Quarantined => Json(json!({ "quarantined": true })).into_response(),
        }
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let status = self.status();
        let title = status.canonical_reason().unwrap_or_default();
        let problem = json!({
            "type": "about:blank", "title": title, "status": status.as_u16(), "detail": self.detail(),
        });
        let mut response = (status, [(header::CONTENT_TYPE, PROBLEM)], problem.to_string()).into_response();
        if let Some(after) = self.retry_after() {
            response.headers_mut().insert(header::RETRY_AFTER, after);
        }
        response
    }
}
