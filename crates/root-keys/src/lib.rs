//! Where the root key comes from: a local file, or a service that seals it, AWS KMS or the transit engine of HashiCorp Vault.
//!
//! With a service the root key file does not hold the key but the key as sealed by the service ([`RootKeyService`] says by
//! which). Every start asks the service once to open it; from then on the key lives in memory alone, and everything above works
//! with a [`RootKey`](subject_keys::RootKey) as if it had come from a file. The first start draws the key here, has it sealed, and never writes it in
//! clear. So taking the service's permission away stops the next start, and no process that runs.
//!
//! **What may be seen of it.** The key travels to the service and back, so nothing but TLS, or this machine, is talked to. What the
//! clients' libraries would log of a call goes nowhere, because at the finest level they print bodies, and errors carry codes of ours and
//! of the service but never its text, which may quote what was sent. Buffers of those libraries that held the key are not wiped.
//!
//! This crate alone names `aws-sdk-kms`, `aws-config` and `vaultrs`.

mod address;
mod aws_kms;
mod refusal;
mod root;
mod sealed;
mod service;
mod vault;

pub use refusal::Refusal;
pub use root::{Found, OpenRootError, found, load, load_or_create, move_to};
pub use sealed::NotSealedText;
pub use service::{NotAService, RootKeyService};
