//! Configuration: defaults, then a file, then the environment, then flags. Every value knows where it came from, and a wrong
//! one is refused with its key, its origin and the fix.

mod layers;
mod settings;

pub(crate) use layers::{Flags, Shown};
pub(crate) use settings::{Backend, LogFormat, Settings};

/// A setting that cannot be used. Never quotes a value: it may be a secret.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("setting `{key}`, from {origin}: {problem}\n  fix: {fix}")]
pub(crate) struct ConfigError {
    /// The setting's name as it stands in the file.
    pub(crate) key: String,
    /// Who set it: a file, an environment variable, a flag, or the default.
    pub(crate) origin: String,
    /// What is wrong with it.
    pub(crate) problem: String,
    /// What to do.
    pub(crate) fix: String,
}

/// Reads the configuration of this process.
pub(crate) fn load(flags: &Flags) -> Result<Settings, ConfigError> {
    let environment = |name: &str| std::env::var(name).ok();
    settings::resolve(&layers::gather(flags, &environment)?)
}

#[cfg(test)]
mod tests;
