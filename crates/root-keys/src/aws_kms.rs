//! AWS KMS: `Encrypt` and `Decrypt` under a symmetric key.
//!
//! Who we are comes from where AWS clients look: `AWS_ACCESS_KEY_ID` and its companions, a profile, a web identity, or the
//! machine's or container's role. The region is the one in the key's ARN, else that of the environment; `AWS_ENDPOINT_URL_KMS` or
//! `AWS_ENDPOINT_URL` name another address. What is sealed is bound to its purpose by an encryption context, which AWS also
//! writes into its trail.

use std::time::Duration;

use aws_config::meta::region::RegionProviderChain;
use aws_config::retry::RetryConfig;
use aws_config::timeout::TimeoutConfig;
use aws_config::{BehaviorVersion, Region};
use aws_sdk_kms::Client;
use aws_sdk_kms::config::Builder;
use aws_sdk_kms::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_kms::primitives::Blob;
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use zeroize::Zeroizing;

use crate::address::trusted;
use crate::refusal::{Refusal, code};

/// What ties a ciphertext to its purpose: nothing else that this key sealed is taken for a root key.
const CONTEXT: (&str, &str) = ("daybook", "root-key");

/// How often a request is made, with waiting in between, if the service is asked too often or fails.
const ATTEMPTS: u32 = 4;

/// Seals; answers the ARN of the key that did it, and the ciphertext in base64.
pub(crate) async fn seal(key: &str, text: &str) -> Result<(String, String), Refusal> {
    let request = client(key).await?.encrypt().key_id(key).plaintext(Blob::new(text));
    let answer = request.encryption_context(CONTEXT.0, CONTEXT.1).send().await.map_err(|error| refused(&error))?;
    let arn = answer.key_id().filter(|arn| !arn.contains(char::is_whitespace) && !arn.is_empty());
    match (arn, answer.ciphertext_blob()) {
        (Some(arn), Some(blob)) => Ok((arn.to_owned(), BASE64_STANDARD.encode(blob))),
        _ => Err(Refusal::Garbage),
    }
}

/// Opens what that key sealed, and nothing that another one did.
pub(crate) async fn open(key: &str, ciphertext: &str) -> Result<Zeroizing<String>, Refusal> {
    let blob = BASE64_STANDARD.decode(ciphertext).map_err(|_| Refusal::NotOurs)?;
    let request = client(key).await?.decrypt().key_id(key).ciphertext_blob(Blob::new(blob));
    let mut answer = request.encryption_context(CONTEXT.0, CONTEXT.1).send().await.map_err(|error| refused(&error))?;
    let bytes = answer.plaintext.take().ok_or(Refusal::Garbage)?.into_inner();
    String::from_utf8(bytes).map(Zeroizing::new).map_err(|_| Refusal::Garbage)
}

async fn client(key: &str) -> Result<Client, Refusal> {
    // The library panics without any, also where it is to speak in clear.
    if rustls_native_certs::load_native_certs().certs.is_empty() {
        return Err(Refusal::Setting(
            "no TLS certificates are to be found here: install the system's, or name them by SSL_CERT_FILE",
        ));
    }
    let limits = TimeoutConfig::builder()
        .connect_timeout(Duration::from_secs(3))
        .operation_attempt_timeout(Duration::from_secs(4))
        .operation_timeout(Duration::from_secs(10));
    let config = aws_config::defaults(BehaviorVersion::v2026_01_12())
        .region(RegionProviderChain::first_try(region_of(key)).or_default_provider())
        .timeout_config(limits.build())
        .retry_config(
            RetryConfig::standard().with_max_attempts(ATTEMPTS).with_initial_backoff(Duration::from_millis(300)),
        )
        .load()
        .await;
    if config.region().is_none_or(|region| region.as_ref().is_empty()) {
        return Err(Refusal::Setting("no AWS region is known: set AWS_REGION, or name the key by its ARN"));
    }
    let named = std::env::var("AWS_ENDPOINT_URL_KMS").ok().filter(|text| !text.is_empty());
    let settings = match named.as_deref().or(config.endpoint_url()) {
        None => Builder::from(&config),
        Some(address) => at(Builder::from(&config), address)?,
    };
    Ok(Client::from_conf(settings.build()))
}

/// Another address than AWS's own. One in clear is on this machine, and no proxy may stand in between.
fn at(settings: Builder, address: &str) -> Result<Builder, Refusal> {
    let url =
        trusted(address, "AWS_ENDPOINT_URL_KMS or AWS_ENDPOINT_URL is not an address, such as https://HOST:PORT")?;
    let settings = settings.endpoint_url(url.as_str());
    Ok(match url.scheme() {
        "http" => settings.http_client(aws_smithy_http_client::Builder::new().build_http()),
        _ => settings,
    })
}

/// The region in an ARN: `arn:aws:kms:REGION:ACCOUNT:key/…`.
fn region_of(key: &str) -> Option<Region> {
    let region = key.strip_prefix("arn:")?.split(':').nth(2).filter(|region| !region.is_empty())?;
    Some(Region::new(region.to_owned()))
}

fn refused<E: ProvideErrorMetadata, R>(error: &SdkError<E, R>) -> Refusal {
    match error {
        SdkError::ServiceError(answer) => answer.err().code().map_or(Refusal::Garbage, by_code),
        SdkError::TimeoutError(_) => Refusal::TimedOut,
        SdkError::DispatchFailure(failure) if failure.is_timeout() => Refusal::TimedOut,
        SdkError::DispatchFailure(failure) if failure.is_io() => Refusal::Unreachable,
        SdkError::DispatchFailure(_) | SdkError::ConstructionFailure(_) => {
            Refusal::Credentials("none found".to_owned())
        }
        _ => Refusal::Garbage,
    }
}

/// Errors of KMS, of its front and of its signatures, by what is to be done.
fn by_code(told: &str) -> Refusal {
    match told {
        "AccessDeniedException" => Refusal::Denied(code(told)),
        "DisabledException" | "KMSInvalidStateException" | "KeyUnavailableException" => {
            Refusal::KeyUnusable(code(told))
        }
        "NotFoundException" => Refusal::UnknownKey,
        "InvalidCiphertextException" | "IncorrectKeyException" => Refusal::NotOurs,
        "InvalidKeyUsageException" | "ValidationException" | "InvalidArnException" => Refusal::Unsuitable(code(told)),
        "ThrottlingException" | "LimitExceededException" | "RequestLimitExceeded" => Refusal::Throttled,
        "UnrecognizedClientException"
        | "InvalidClientTokenId"
        | "ExpiredTokenException"
        | "InvalidSignatureException"
        | "SignatureDoesNotMatch"
        | "IncompleteSignature"
        | "MissingAuthenticationTokenException" => Refusal::Credentials(code(told)),
        _ => Refusal::Failed(code(told)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_region_of_an_arn_is_its_own() {
        let arn = "arn:aws:kms:eu-central-1:111122223333:key/1234abcd";
        assert_eq!(region_of(arn).unwrap().as_ref(), "eu-central-1");
        for key in ["alias/daybook", "1234abcd", "arn:aws:kms", "arn:aws:kms::1:key/2"] {
            assert_eq!(region_of(key), None, "{key}");
        }
    }
}
