//! The wire contract: protobuf messages and CloudEvents headers on one side, domain facts on the other. The only crate
//! that names prost; its messages never leave it.
//!
//! An [`Event`] is one fact, one posted transaction, one alert, one piece of input that was not understood, or the notice
//! that such input was redriven, with its envelope. It becomes a [`Record`] and back. Its id follows from what it says, so a
//! second delivery of the same fact is the same event. The messages are under `proto/` and only ever grow; when one of them
//! gets a `v2`, an upcaster from `v1` belongs in a module `upcast` between reading the message and making the domain value,
//! and old records are never rewritten.

mod envelope;
mod event;
mod id;
mod quarantine;
mod record;
mod source;
mod wire;

pub use envelope::DecodeError;
pub use event::{Event, Payload, SealedBox};
pub use id::{event_id, fact_id};
pub use quarantine::{Quarantined, Reason};
pub use record::{CHECKSUM, Record, Topic};
pub use source::{Source, SourceError};
pub use wire::{posted_bytes, posted_from_bytes, stock_alert_bytes, stock_alert_from_bytes};
