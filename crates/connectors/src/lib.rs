//! From other people's payloads to our facts. Lenient about form, strict about meaning: what cannot be read with
//! certainty is not guessed but reported, with the path and never the value.

mod draft;
pub mod postex;
pub mod retail;
pub mod shopify;

pub use draft::{Details, Draft, Identity, NotUnderstood, Person, Role};
