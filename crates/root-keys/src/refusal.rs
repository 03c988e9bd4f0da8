//! Why a service did not seal or open the root key, by what the operator can do.

/// What a service did not do, and why. It carries codes and settings' names, and never what the service wrote: error texts may quote a request.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// A setting that the client needs is not there, or cannot be used.
    #[error("{0}")]
    Setting(&'static str),
    /// The service's address is neither TLS nor this machine: the root key would cross the network in clear.
    #[error("its address is not https, and the root key would cross the network in clear: name one that is")]
    InClear,
    /// Nobody says who we are, or the service does not know who that is.
    #[error("it was given no valid credentials ({0}): renew them where this process finds them")]
    Credentials(String),
    /// We may not use that key.
    #[error(
        "it denies the use of the key ({0}): allow this process to encrypt and decrypt with it, or renew its token"
    )]
    Denied(String),
    /// There is no such key, or not there.
    #[error("it does not know the key: correct its name, or the region or mount where it is")]
    UnknownKey,
    /// The key is disabled, or is to be deleted, or cannot be reached by the service itself.
    #[error(
        "the key cannot be used now ({0}): enable it, or cancel its deletion; once it is deleted, nothing that was sealed opens"
    )]
    KeyUnusable(String),
    /// What is in the file was not sealed by this key for this purpose.
    #[error(
        "the key does not open the file: it was sealed under another key, or was changed; restore it from its copy"
    )]
    NotOurs,
    /// The service refuses the request as such.
    #[error("it refuses the request ({0}): see that the key is symmetric, authenticates, and is not derived")]
    Unsuitable(String),
    /// Vault is sealed itself, or not set up, or a standby that answers nothing.
    #[error("vault is sealed or stands by: unseal it, or name the active one")]
    Sealed,
    /// Too many requests, also after waiting.
    #[error("it is asked too often, also after some waiting: try again later")]
    Throttled,
    /// Nothing answers there.
    #[error(
        "it cannot be reached: see that it runs, that its address is right, and that its certificate is trusted here"
    )]
    Unreachable,
    /// No answer in time.
    #[error("it did not answer in time: see that it runs and can be reached")]
    TimedOut,
    /// The service has a problem of its own, also after some attempts.
    #[error("it failed ({0}): try again later")]
    Failed(String),
    /// An answer that is not one of this service.
    #[error(
        "its answer is not understood: see that its address leads to the service and not to something in front of it"
    )]
    Garbage,
}

/// A code as the service gives it, if it looks like one: it ends up in logs.
pub(crate) fn code(text: &str) -> String {
    let plain = text.chars().filter(|c| c.is_ascii_alphanumeric() || *c == '_');
    plain.take(64).collect()
}

#[cfg(test)]
mod tests {
    use super::code;

    #[test]
    fn a_code_is_a_word() {
        assert_eq!(code("AccessDeniedException"), "AccessDeniedException");
        assert_eq!(code("com.x#A b\n\u{1b}[31m"), "comxAb31m");
        assert_eq!(code(&"a".repeat(1_000)).len(), 64);
    }
}
