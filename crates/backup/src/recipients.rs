//! To whom a backup is encrypted, and who may open it: keys of age, as `age-keygen` writes them.

use std::fs::OpenOptions;
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use age::x25519;
use secrecy::ExposeSecret;
use zeroize::Zeroizing;

/// Why a recipient or an identity was not taken. Identities are never quoted.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RecipientError {
    /// Not `age1…`.
    #[error("`{0}` is no recipient: give the public key that `age-keygen` prints, which begins with age1")]
    NotARecipient(String),
    /// The file cannot be read, or not be made.
    #[error("{} cannot be used: {reason}", .path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// The operating system's answer.
        reason: String,
    },
    /// A line of an identity file is no identity.
    #[error("line {line} of {} is no identity of age: give the file that `age-keygen` wrote", .path.display())]
    NotAnIdentity {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
    },
    /// Nobody was named: a backup that nobody can open is none.
    #[error("nobody is named: give --recipient age1…, or a file with recipients in it")]
    Nobody,
}

/// To whom a backup is encrypted; at least one.
#[derive(Clone)]
pub struct Recipients(pub(crate) Arc<[x25519::Recipient]>);

impl Recipients {
    /// Those named, and those in these files, a line each; empty lines and those that begin with `#` say nothing.
    pub fn new(named: &[String], files: &[PathBuf]) -> Result<Recipients, RecipientError> {
        let mut recipients = named.iter().map(|text| recipient(text)).collect::<Result<Vec<_>, _>>()?;
        for path in files {
            let text = read(path)?;
            for (_, line) in lines(&text) {
                recipients.push(recipient(line)?);
            }
        }
        if recipients.is_empty() { Err(RecipientError::Nobody) } else { Ok(Recipients(recipients.into())) }
    }
}

/// Whoever may open a backup; at least one. Not printed.
#[derive(Clone)]
pub struct Identities(pub(crate) Arc<[x25519::Identity]>);

impl Identities {
    /// Those in these files, as `age-keygen` writes them.
    pub fn read(files: &[PathBuf]) -> Result<Identities, RecipientError> {
        let mut identities = Vec::new();
        for path in files {
            let text = read(path)?;
            for (line, text) in lines(&text) {
                let refused = |_| RecipientError::NotAnIdentity { path: path.clone(), line };
                identities.push(text.parse::<x25519::Identity>().map_err(refused)?);
            }
        }
        if identities.is_empty() { Err(RecipientError::Nobody) } else { Ok(Identities(identities.into())) }
    }
}

/// Draws an identity and writes it into a new file of mode 0600, as `age-keygen` does; gives its recipient, which is no secret.
pub fn create_identity(path: &Path) -> Result<String, RecipientError> {
    let identity = x25519::Identity::generate();
    let recipient = identity.to_public().to_string();
    let text = Zeroizing::new(format!("# public key: {recipient}\n{}\n", identity.to_string().expose_secret()));
    let create = || OpenOptions::new().write(true).create_new(true).mode(0o600).open(path);
    let written = create().and_then(|mut file| file.write_all(text.as_bytes()).and_then(|()| file.sync_all()));
    written.map(|()| recipient).map_err(|error| RecipientError::Io { path: path.to_owned(), reason: error.to_string() })
}

fn recipient(text: &str) -> Result<x25519::Recipient, RecipientError> {
    // Somebody may give the secret half by mistake: it is not repeated.
    let shown = || if text.starts_with("age1") { text.to_owned() } else { "…".to_owned() };
    text.trim().parse().map_err(|_| RecipientError::NotARecipient(shown()))
}

fn read(path: &Path) -> Result<Zeroizing<String>, RecipientError> {
    let refused = |error: std::io::Error| RecipientError::Io { path: path.to_owned(), reason: error.to_string() };
    std::fs::read_to_string(path).map(Zeroizing::new).map_err(refused)
}

fn lines(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let trimmed = text.lines().enumerate().map(|(place, line)| (place + 1, line.trim()));
    trimmed.filter(|(_, line)| !line.is_empty() && !line.starts_with('#'))
}
