//! The transit engine of HashiCorp Vault: `encrypt` and `decrypt` under a named key.
//!
//! Settings come from where Vault's own client looks: `VAULT_ADDR`, `VAULT_TOKEN` or the file that `VAULT_TOKEN_FILE` names or
//! `~/.vault-token`, `VAULT_NAMESPACE`, `VAULT_CACERT`. TLS is always checked, and no redirect is followed: the key
//! goes to the address that was named and nowhere else. What is sealed is bound to its purpose by associated data.

use std::path::PathBuf;
use std::time::Duration;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use reqwest::redirect::Policy;
use secrecy::{ExposeSecret, SecretString};
use vaultrs::api::transit::requests::{DecryptDataRequest, EncryptDataRequest};
use vaultrs::client::{VaultClient, VaultClientSettings, VaultClientSettingsBuilder};
use vaultrs::error::ClientError;
use vaultrs::transit::data;
use zeroize::Zeroizing;

use crate::address::trusted;
use crate::refusal::Refusal;

/// What ties a ciphertext to its purpose: nothing else that this key sealed is taken for a root key.
const PURPOSE: &str = "daybook root key";

/// How long to wait before each further attempt, if the service is asked too often, fails, or is not there.
const WAITS: [Duration; 3] = [Duration::from_millis(200), Duration::from_millis(600), Duration::from_millis(1_800)];

const NO_ADDRESS: &str = "VAULT_ADDR is not set to an address, such as https://HOST:8200";
const NO_TOKEN: &str =
    "there is no Vault token: set VAULT_TOKEN, or put it into ~/.vault-token or the file that VAULT_TOKEN_FILE names";
const BAD_CACERT: &str = "VAULT_CACERT does not name a readable file of certificates";

/// What the engine is asked for.
#[derive(Clone, Copy)]
enum Asked<'a> {
    /// To encrypt this, in base64.
    Encrypt(&'a str),
    /// To decrypt this, in Vault's own form.
    Decrypt(&'a str),
}

/// Seals; answers the ciphertext in Vault's own form, `vault:vN:…`.
pub(crate) async fn seal(mount: &str, key: &str, text: &str) -> Result<String, Refusal> {
    let plain = Zeroizing::new(BASE64_STANDARD.encode(text));
    let sealed = again(mount, key, Asked::Encrypt(&plain)).await?;
    let usable = sealed.starts_with("vault:v") && !sealed.contains(char::is_whitespace);
    if usable { Ok(sealed) } else { Err(Refusal::Garbage) }
}

/// Opens what that key sealed, in any of its versions that Vault still has.
pub(crate) async fn open(mount: &str, key: &str, ciphertext: &str) -> Result<Zeroizing<String>, Refusal> {
    let plain = Zeroizing::new(again(mount, key, Asked::Decrypt(ciphertext)).await?);
    let bytes = BASE64_STANDARD.decode(plain.as_bytes()).map_err(|_| Refusal::Garbage)?;
    String::from_utf8(bytes).map(Zeroizing::new).map_err(|_| Refusal::Garbage)
}

/// Asks once more after each wait, as long as that may help.
async fn again(mount: &str, key: &str, asked: Asked<'_>) -> Result<String, Refusal> {
    let (client, mut waits) = (client()?, WAITS.into_iter());
    loop {
        let refusal = match once(&client, mount, key, asked).await {
            Ok(answer) => return Ok(answer),
            Err(error) => refused(&error),
        };
        let helps = matches!(refusal, Refusal::Throttled | Refusal::Failed(_) | Refusal::Unreachable);
        let wait = waits.next().filter(|_| helps).ok_or(refusal)?;
        tokio::time::sleep(wait).await;
    }
}

async fn once(client: &VaultClient, mount: &str, key: &str, asked: Asked<'_>) -> Result<String, ClientError> {
    let purpose = BASE64_STANDARD.encode(PURPOSE);
    match asked {
        Asked::Encrypt(plain) => {
            let mut request = EncryptDataRequest::builder();
            request.associated_data(purpose);
            Ok(data::encrypt(client, mount, key, plain, Some(&mut request)).await?.ciphertext)
        }
        Asked::Decrypt(ciphertext) => {
            let mut request = DecryptDataRequest::builder();
            request.associated_data(purpose);
            Ok(data::decrypt(client, mount, key, ciphertext, Some(&mut request)).await?.plaintext)
        }
    }
}

fn client() -> Result<VaultClient, Refusal> {
    let settings = settings()?;
    // The library's own client follows redirects, and has no limit for connecting.
    let mut http = reqwest::Client::builder()
        .redirect(Policy::none())
        .connect_timeout(Duration::from_secs(3))
        .timeout(Duration::from_secs(5));
    if settings.address.scheme() == "http" {
        // On this machine, as was asked: no proxy may stand in between, and no certificates are needed.
        http = http.no_proxy().tls_certs_only([]);
    }
    for path in &settings.ca_certs {
        let text = std::fs::read(path).map_err(|_| Refusal::Setting(BAD_CACERT))?;
        let trusted = reqwest::Certificate::from_pem_bundle(&text).map_err(|_| Refusal::Setting(BAD_CACERT))?;
        http = http.tls_certs_merge(trusted);
    }
    let unusable =
        "no TLS client can be made here: see that the system's certificates are installed, or set VAULT_CACERT";
    let mut client = VaultClient::new(settings).map_err(|_| Refusal::Setting(unusable))?;
    client.http.http = http.build().map_err(|_| Refusal::Setting(unusable))?;
    Ok(client)
}

/// Nothing is left to the library's defaults: it would skip the check of certificates if the environment says so, and panic on what it cannot use.
fn settings() -> Result<VaultClientSettings, Refusal> {
    let address = trusted(&variable("VAULT_ADDR").unwrap_or_default(), NO_ADDRESS)?;
    let mut settings = VaultClientSettingsBuilder::default();
    settings.address(address).verify(true).identity(None).token(token()?.expose_secret());
    settings.ca_certs(variable("VAULT_CACERT").into_iter().collect());
    if let Some(namespace) = variable("VAULT_NAMESPACE") {
        let bad = Refusal::Setting("VAULT_NAMESPACE is no namespace");
        settings.set_namespace(header(&namespace).ok_or(bad)?.to_owned());
    }
    settings.build().map_err(|_| Refusal::Setting(NO_ADDRESS))
}

fn token() -> Result<SecretString, Refusal> {
    let found = variable("VAULT_TOKEN").map(Zeroizing::new).or_else(|| {
        let named = variable("VAULT_TOKEN_FILE").map(PathBuf::from);
        let path = named.or_else(|| Some(PathBuf::from(variable("HOME")?).join(".vault-token")))?;
        std::fs::read_to_string(path).ok().map(Zeroizing::new)
    });
    let found = found.ok_or(Refusal::Setting(NO_TOKEN))?;
    header(&found).map(SecretString::from).ok_or(Refusal::Setting(NO_TOKEN))
}

fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.trim().is_empty())
}

/// What may stand in a header.
fn header(text: &str) -> Option<&str> {
    let text = text.trim();
    (!text.is_empty() && text.chars().all(|c| c.is_ascii_graphic())).then_some(text)
}

fn refused(error: &ClientError) -> Refusal {
    match error {
        ClientError::APIError { code, errors } => by_status(*code, errors),
        ClientError::RestClientError { source } => match source {
            rustify::errors::ClientError::ServerResponseError { code, .. } => by_status(*code, &[]),
            rustify::errors::ClientError::RequestError { source, .. } => by_transport(source),
            rustify::errors::ClientError::ResponseError { source } => by_transport(source),
            _ => Refusal::Garbage,
        },
        _ => Refusal::Garbage,
    }
}

fn by_transport(error: &anyhow::Error) -> Refusal {
    match error.downcast_ref::<reqwest::Error>() {
        Some(error) if error.is_timeout() => Refusal::TimedOut,
        Some(error) if error.is_body() || error.is_decode() => Refusal::Garbage,
        _ => Refusal::Unreachable,
    }
}

/// Vault's statuses, and with a 400 what it says, which is looked at here and goes no further.
fn by_status(status: u16, errors: &[String]) -> Refusal {
    let told = |part: &str| errors.iter().any(|error| error.contains(part));
    match status {
        400 if told("key not found") => Refusal::UnknownKey,
        400 if told("authentication failed") || told("invalid ciphertext") || told("no prefix") => Refusal::NotOurs,
        400 if told("disallowed by policy") => Refusal::KeyUnusable("disallowed by policy".to_owned()),
        400 => Refusal::Unsuitable("400".to_owned()),
        403 => Refusal::Denied("403".to_owned()),
        404 => Refusal::UnknownKey,
        412 | 500 | 502 | 504 => Refusal::Failed(status.to_string()),
        429 => Refusal::Throttled,
        472 | 473 | 501 | 503 => Refusal::Sealed,
        _ => Refusal::Garbage,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_status_says_what_to_do() {
        let told = |status, text: &str| by_status(status, &[text.to_owned()]);
        assert_eq!(told(400, "encryption key not found"), Refusal::UnknownKey);
        assert_eq!(told(400, "invalid ciphertext: unable to decrypt"), Refusal::NotOurs);
        assert_eq!(told(400, "cipher: message authentication failed"), Refusal::NotOurs);
        assert!(matches!(told(400, "version is disallowed by policy (too old)"), Refusal::KeyUnusable(_)));
        assert!(matches!(told(400, "missing 'context' for key derivation"), Refusal::Unsuitable(_)));
        assert!(matches!(told(403, "permission denied"), Refusal::Denied(_)));
        assert_eq!(told(404, "no handler for route"), Refusal::UnknownKey);
        assert_eq!(told(429, "rate limit quota exceeded"), Refusal::Throttled);
        assert_eq!(told(503, "Vault is sealed"), Refusal::Sealed);
        assert!(matches!(told(500, "internal error"), Refusal::Failed(_)));
        assert_eq!(told(307, ""), Refusal::Garbage);
    }

    #[test]
    fn a_token_is_one_word() {
        assert_eq!(header(" hvs.abc\n"), Some("hvs.abc"));
        for bad in ["", " \n", "a b", "a\nb", "ü"] {
            assert_eq!(header(bad), None);
        }
    }
}
