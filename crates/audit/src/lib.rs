//! What an auditor needs and nothing else: the form of an exported journal, the check of one from its bytes alone, and
//! signed checkpoints. Nothing here opens a database or a network connection.

mod chain;
mod checkpoint;
mod export;
mod key_file;
mod record;

pub use chain::{Chain, Problem};
pub use checkpoint::{Checkpoint, CheckpointError, PublicKey, PublicKeyError, Signer};
pub use export::{AuditError, Audited, audit};
pub use key_file::{KeyFileError, load_signer, new_key_file};
pub use record::{End, FORMAT, Header, Line, LineEntry, Record};
