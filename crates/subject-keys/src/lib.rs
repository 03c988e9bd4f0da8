//! The keys that personal data is sealed under, and what it takes to make a person unreadable for good.
//!
//! Every data subject has keys of their own. What they typed or what identifies them travels only inside a
//! [`sealed box`](sealed_box) under such a key, so destroying the key erases the person from every topic, read model,
//! cache and backup at once, while ids, money and totals stay in clear beside the box.
//!
//! ```text
//! RootKey ──wraps──▶ EpochKey ──wraps──▶ PageKey ──wraps──▶ SubjectKey ──seals──▶ boxes
//!    │                   ├──────wraps──▶ IndexKey ──blinds──▶ phone, e-mail, customer id
//!    │                   └──────wraps──▶ IndexPageKey ──hides──▶ what was blinded of phone and e-mail
//!    └──wraps──▶ a tenant's webhook secrets
//! ```
//!
//! A key that is wrapped by something destroyed is itself gone. An epoch key is destroyed when the backup window has
//! passed, and with it every wrapped key in every backup of that age; what should live on was rewrapped before
//! ([`rewrap_page`], [`rewrap_key`], [`rewrap_index`]).
//!
//! This crate is pure: no IO, no clock, and randomness is an argument. A caller passes a closure that fills a slice with
//! bytes from a cryptographically secure generator, which the services take from `rand::fill`: the operating system seeds it
//! for each thread of each process. Tests pass a fixed sequence. The one thing a process remembers here is how many messages it
//! encrypted under which key ([`MOST_MESSAGES`]). It knows nothing of the rest of the project: ids arrive as [`uuid::Uuid`],
//! numbers and text.
//!
//! Keys can be neither printed nor copied by accident:
//!
//! ```compile_fail,E0277
//! fn leak(key: &subject_keys::SubjectKey) {
//!     println!("{key:?}");
//! }
//! ```
//!
//! ```compile_fail,E0277
//! fn leak(key: &subject_keys::SubjectKey) -> String {
//!     format!("{key}")
//! }
//! ```
//!
//! ```compile_fail,E0277
//! fn copy(key: &subject_keys::SubjectKey) -> subject_keys::SubjectKey {
//!     Clone::clone(key)
//! }
//! ```
//!
//! The same code compiles for what is meant to be shown, so the proofs above fail for the reason they name:
//!
//! ```
//! fn show(key: subject_keys::KeyId) -> String {
//!     format!("{key:?} {:?}", Clone::clone(&key))
//! }
//! # show(subject_keys::KeyId(uuid::Uuid::nil()));
//! ```

mod blind_index;
mod hazmat;
mod index_page;
mod keys;
mod messages;
mod pii;
mod plaintext;
mod root_key_file;
pub mod sealed_box;
mod state;
mod wrap;

pub use keys::{
    EpochId, EpochKey, IndexKey, IndexPageId, IndexPageKey, KEY_LEN, KeyId, PageId, PageKey, RootKey, SubjectKey,
};
pub use messages::{Exhausted, MOST_MESSAGES};
pub use pii::Pii;
pub use plaintext::Plaintext;
pub use root_key_file::RootKeyFileError;
pub use sealed_box::{BoxContext, OpenError, Opened, PreparedKey, open, seal, sealed_key_id};
pub use state::{KeyState, UnknownKeyState};
pub use wrap::{RewrapError, UnwrapError, rewrap_index, rewrap_key, rewrap_page};
