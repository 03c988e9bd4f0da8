//! Input that was not understood, and that it was redriven.

use ledger::Timestamp;
use prost::Message;
use uuid::Uuid;

use super::fact::message;
use super::field::{Read, checked, id, present, uuid};
use super::v1::quarantine::v1 as wire;
use crate::{DecodeError, Quarantined, Reason};

/// The full name of the message that says what was not understood.
pub(crate) const QUARANTINED_TYPE: &str = "daybook.quarantine.v1.Quarantined";

/// The full name of the message that says what has left the quarantine.
pub(crate) const REDRIVEN_TYPE: &str = "daybook.quarantine.v1.InputRedriven";

/// The body of a `Quarantined`.
pub(crate) fn quarantined_bytes(quarantined: &Quarantined) -> Vec<u8> {
    wire::Quarantined::from(quarantined).encode_to_vec()
}

/// Reads the body of a `Quarantined`.
pub(crate) fn quarantined_from_bytes(body: &[u8]) -> Read<Quarantined> {
    message::<wire::Quarantined>(body)?.try_into()
}

/// The body of an `InputRedriven`.
pub(crate) fn redriven_bytes(event: Uuid, at: Timestamp) -> Vec<u8> {
    wire::InputRedriven { event: event.as_bytes().to_vec(), redriven_at: at.0 }.encode_to_vec()
}

/// Reads the body of an `InputRedriven`: the event that quarantined it, and when it left.
pub(crate) fn redriven_from_bytes(body: &[u8]) -> Read<(Uuid, Timestamp)> {
    let wire: wire::InputRedriven = message(body)?;
    Ok((uuid(&wire.event, "event")?, Timestamp(wire.redriven_at)))
}

impl From<&Quarantined> for wire::Quarantined {
    fn from(quarantined: &Quarantined) -> Self {
        let (reason, path, problem) = match &quarantined.reason {
            Reason::UnreadableJson => (wire::Reason::UnreadableJson, "", ""),
            Reason::UnknownTopic => (wire::Reason::UnknownTopic, "", ""),
            Reason::Field { path, problem } => (wire::Reason::Field, path.as_str(), problem.as_str()),
        };
        wire::Quarantined {
            reason: reason.into(),
            origin: quarantined.origin.to_string(),
            topic: quarantined.topic.clone(),
            path: path.to_owned(),
            problem: problem.to_owned(),
            received_at: quarantined.received_at.0,
            digest: quarantined.digest.as_bytes().to_vec(),
            content: Some((&quarantined.content).into()),
        }
    }
}

impl TryFrom<wire::Quarantined> for Quarantined {
    type Error = DecodeError;

    fn try_from(wire: wire::Quarantined) -> Read<Self> {
        let reason = match checked(wire::Reason::try_from(wire.reason), "reason")? {
            wire::Reason::Unspecified => return Err(DecodeError::Malformed { field: "reason" }),
            wire::Reason::UnreadableJson => Reason::UnreadableJson,
            wire::Reason::UnknownTopic => Reason::UnknownTopic,
            wire::Reason::Field => Reason::Field { path: wire.path, problem: wire.problem },
        };
        Ok(Quarantined {
            reason,
            origin: id(wire.origin, "origin")?,
            topic: wire.topic,
            received_at: Timestamp(wire.received_at),
            digest: uuid(&wire.digest, "digest")?,
            content: present(wire.content, "content")?.try_into()?,
        })
    }
}
