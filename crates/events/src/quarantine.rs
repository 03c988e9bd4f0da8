//! Authentic input that was not understood: kept, sealed, until a fix can read it and it is redriven.

use ledger::Timestamp;
use uuid::Uuid;

use crate::{SealedBox, Source};

/// Why input was not understood.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reason {
    /// The body is not readable JSON.
    UnreadableJson,
    /// No connector reads this topic or shape.
    UnknownTopic,
    /// A field is missing, of another type, or out of range.
    Field {
        /// Where in the body, such as `refunds[0].amount`. Never a value.
        path: String,
        /// What is wrong there, such as `missing`. Never a value.
        problem: String,
    },
}

impl Reason {
    /// Every name that [`Reason::name`] gives.
    pub const NAMES: [&'static str; 3] = ["unreadable_json", "unknown_topic", "field"];

    /// Its name in lists, commands and metrics.
    pub fn name(&self) -> &'static str {
        let [unreadable_json, unknown_topic, field] = Reason::NAMES;
        match self {
            Reason::UnreadableJson => unreadable_json,
            Reason::UnknownTopic => unknown_topic,
            Reason::Field { .. } => field,
        }
    }
}

/// Input that was not understood, with what is needed to replay it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Quarantined {
    /// Why.
    pub reason: Reason,
    /// Who sent it.
    pub origin: Source,
    /// What the sender says it is, such as `orders/create`.
    pub topic: String,
    /// When it arrived.
    pub received_at: Timestamp,
    /// A UUID v5 of the HMAC-SHA256 of the raw body under the sender's secret: a retry of the same body is the same event,
    /// although its box is sealed anew, and without the secret nobody can guess a short body back from it.
    pub digest: Uuid,
    /// The raw body, sealed.
    pub content: SealedBox,
}
