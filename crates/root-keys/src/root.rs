//! The root key at hand: opened, made at the first start, and moved from one service to another.

use std::future::Future;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::time::Duration;

use store::keys::{
    RootFileBeside, RootKeyError, has_root_file, left_beside_root_file, load_or_create_root, parse_root_file,
    read_root_file,
};
use subject_keys::RootKey;
use tracing::instrument::WithSubscriber;
use tracing::subscriber::NoSubscriber;
use zeroize::Zeroizing;

use crate::refusal::Refusal;
use crate::sealed::{NotSealedText, SealedRoot, parse};
use crate::service::RootKeyService;
use crate::{aws_kms, vault};

/// How long one request to a service may take in all, its repetitions included.
const PATIENCE: Duration = Duration::from_secs(25);

/// Why there is no root key to work with, or why it was not moved.
#[derive(Debug, thiserror::Error)]
pub enum OpenRootError {
    /// The file cannot be used.
    #[error(transparent)]
    File(#[from] RootKeyError),
    /// The file of a sealed key cannot be read.
    #[error("the root key file {} is not valid: {source}", .path.display())]
    NotSealed {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        source: NotSealedText,
    },
    /// The file is sealed by another service, or under another key, than the configuration says.
    #[error(
        "the root key is with `{found}`, and `root_key_service` says `{configured}`: correct that, or run `daybook keys root move --to {configured}`"
    )]
    Elsewhere {
        /// Who can open the file.
        found: RootKeyService,
        /// Who should.
        configured: RootKeyService,
    },
    /// The service did not do its part.
    #[error("the root key service `{service}`: {refusal}")]
    Service {
        /// Which service.
        service: RootKeyService,
        /// Why.
        refusal: Refusal,
    },
    /// The service opened the file, and what was in it is no root key. Restore the file from its copy.
    #[error("the root key service `{0}` opened something that is no root key: restore the root key file from its copy")]
    NotAKey(RootKeyService),
    /// What was written for the move does not open as the key that it was made from. Nothing was changed.
    #[error("`{0}` does not give back the root key that it was given: nothing was changed")]
    NotTheSame(RootKeyService),
}

/// What a root key file says of itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    /// Who can open it.
    pub service: RootKeyService,
    /// What the service calls the key that sealed it; none for a key in clear.
    pub sealed_by: Option<String>,
    /// Files that killed processes left beside it. Each may hold the key: they are to be removed.
    pub left: Vec<PathBuf>,
}

/// Reads the root key from its file, with the help of the service if there is one. If there is no file, draws a key, has it sealed, and
/// writes only that; of several processes that do so at once all get the key of the first.
///
/// One request to the service; three if there was no file.
pub async fn load_or_create(path: &Path, service: &RootKeyService) -> Result<RootKey, OpenRootError> {
    if has_root_file(path)? {
        return load(path, service).await;
    }
    if *service == RootKeyService::File {
        return Ok(load_or_create_root(path)?);
    }
    let root = RootKey::generate(&mut |bytes| rand::fill(bytes));
    beside(path, &root, service).await?.place()?;
    load(path, service).await
}

/// Reads the root key from a file that is there. One request to the service.
pub async fn load(path: &Path, service: &RootKeyService) -> Result<RootKey, OpenRootError> {
    let text = read_root_file(path)?;
    let sealed = sealed_in(path, &text)?;
    let found = sealed.as_ref().map_or(RootKeyService::File, |sealed| sealed.service.clone());
    // A key in clear is refused where a service is to keep it: its operator believes that no copy of the file opens anything.
    if !is_meant(service, sealed.as_ref()) {
        return Err(OpenRootError::Elsewhere { found, configured: service.clone() });
    }
    opened(path, &text, sealed).await
}

/// What the file says of itself. Asks nobody.
pub fn found(path: &Path) -> Result<Found, OpenRootError> {
    let sealed = sealed_in(path, &read_root_file(path)?)?;
    let left = left_beside_root_file(path)?;
    Ok(match sealed {
        None => Found { service: RootKeyService::File, sealed_by: None, left },
        Some(sealed) => Found { service: sealed.service, sealed_by: Some(sealed.key), left },
    })
}

/// Puts the same root key under another service, or another key, and answers where it was before. What is written is read and opened
/// once more before it takes the file's place, which a symbolic link only leads to: the link stays. So a crash at any time leaves one whole file, of before or after. Two requests to each.
pub async fn move_to(path: &Path, to: &RootKeyService) -> Result<Found, OpenRootError> {
    let before = found(path)?;
    let real = std::fs::canonicalize(path).map_err(|source| RootKeyError::Io { path: path.to_owned(), source })?;
    let path = real.as_path();
    let text = read_root_file(path)?;
    let root = opened(path, &text, sealed_in(path, &text)?).await?;
    beside(path, &root, to).await?.replace()?;
    Ok(before)
}

/// Writes the key beside its place as this service keeps it, and sees that it opens from there.
async fn beside(path: &Path, root: &RootKey, service: &RootKeyService) -> Result<RootFileBeside, OpenRootError> {
    let clear = root.to_file_text();
    let text = match seal(service, &clear).await? {
        None => clear.clone(),
        Some(sealed) => Zeroizing::new(sealed.to_text()),
    };
    let beside = RootFileBeside::write(path, &text)?;
    let again = load(beside.path(), service).await?;
    if again.to_file_text() == clear { Ok(beside) } else { Err(OpenRootError::NotTheSame(service.clone())) }
}

fn sealed_in(path: &Path, text: &str) -> Result<Option<SealedRoot>, OpenRootError> {
    parse(text).map_err(|source| OpenRootError::NotSealed { path: path.to_owned(), source })
}

/// Whether the configuration means who can open the file. An alias in either may stand for the key it named when the file was written.
fn is_meant(configured: &RootKeyService, sealed: Option<&SealedRoot>) -> bool {
    match (configured, sealed) {
        (RootKeyService::File, None) => true,
        (RootKeyService::AwsKms { key }, Some(sealed)) => {
            sealed.service == *configured
                || matches!(sealed.service, RootKeyService::AwsKms { .. }) && sealed.key == *key
        }
        (configured, Some(sealed)) => sealed.service == *configured,
        (_, None) => false,
    }
}

async fn opened(path: &Path, text: &str, sealed: Option<SealedRoot>) -> Result<RootKey, OpenRootError> {
    let Some(sealed) = sealed else { return Ok(parse_root_file(path, text)?) };
    let service = sealed.service;
    let clear = match &service {
        RootKeyService::AwsKms { .. } => ask(&service, aws_kms::open(&sealed.key, &sealed.ciphertext)).await?,
        RootKeyService::Vault { mount, key } => ask(&service, vault::open(mount, key, &sealed.ciphertext)).await?,
        RootKeyService::File => return Err(OpenRootError::NotAKey(service)),
    };
    RootKey::parse_file(&clear).map_err(|_| OpenRootError::NotAKey(service))
}

async fn seal(service: &RootKeyService, clear: &str) -> Result<Option<SealedRoot>, OpenRootError> {
    let (key, ciphertext) = match service {
        RootKeyService::File => return Ok(None),
        RootKeyService::AwsKms { key } => ask(service, aws_kms::seal(key, clear)).await?,
        RootKeyService::Vault { mount, key } => {
            (format!("{mount}/{key}"), ask(service, vault::seal(mount, key, clear)).await?)
        }
    };
    Ok(Some(SealedRoot { service: service.clone(), key, ciphertext }))
}

/// Waits for an answer, but not for ever. What the libraries would log of the call goes nowhere: at its finest level that is whole
/// requests and answers, and the key is in one of them. (Tasks of their own, which carry the bytes, log how many.)
async fn ask<T>(
    service: &RootKeyService,
    answer: impl Future<Output = Result<T, Refusal>> + Send,
) -> Result<T, OpenRootError> {
    // On the heap, because the libraries' futures are nested so deeply that the compiler gives up on whoever waits for one.
    let answer: Pin<Box<dyn Future<Output = Result<T, Refusal>> + Send + '_>> = Box::pin(answer);
    let quiet = answer.with_subscriber(NoSubscriber::default());
    let answer = tokio::time::timeout(PATIENCE, quiet).await.unwrap_or(Err(Refusal::TimedOut));
    answer.map_err(|refusal| OpenRootError::Service { service: service.clone(), refusal })
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[tokio::test]
    async fn a_key_behind_a_symbolic_link_is_moved_where_it_lies() {
        let scratch = std::env::temp_dir().join(format!("daybook-root-{:016x}", rand::random::<u64>()));
        fs::create_dir(&scratch).unwrap();
        let (link, real) = (scratch.join("root.key"), scratch.join("elsewhere.key"));
        load_or_create(&real, &RootKeyService::File).await.unwrap();
        std::os::unix::fs::symlink(&real, &link).unwrap();
        let before = (fs::read(&real).unwrap(), std::os::unix::fs::MetadataExt::ino(&fs::metadata(&real).unwrap()));
        move_to(&link, &RootKeyService::File).await.unwrap();
        let after = (fs::read(&real).unwrap(), std::os::unix::fs::MetadataExt::ino(&fs::metadata(&real).unwrap()));
        assert!(fs::symlink_metadata(&link).unwrap().is_symlink(), "the link stays");
        assert_eq!(before.0, after.0, "the same key");
        assert_ne!(before.1, after.1, "in a new file, in the place of the old one: nothing of that is left");
        fs::remove_dir_all(&scratch).unwrap();
    }
}
