//! Which service seals the root key, as configuration and the root key file name it.

use std::fmt;
use std::str::FromStr;

/// The longest name of a key that is taken: an ARN of an alias is at most about 320 bytes.
const LONGEST: usize = 400;

/// Who keeps the root key from whoever has its file. Displayed and parsed as `file`, `aws-kms:KEY` or `vault:MOUNT/KEY`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum RootKeyService {
    /// Nobody but the file system: the key lies in its file in clear.
    #[default]
    File,
    /// AWS KMS, under a symmetric key.
    AwsKms {
        /// Its ARN or id, or that of an alias (`alias/NAME`).
        key: String,
    },
    /// HashiCorp Vault's transit engine, under a symmetric key that authenticates and is not derived.
    Vault {
        /// Where the engine is mounted, such as `transit`.
        mount: String,
        /// The key's name.
        key: String,
    },
}

/// A text that names no service.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a root key service is `file`, `aws-kms:` and the ARN, id or alias/NAME of a key, or `vault:` and MOUNT/KEY")]
pub struct NotAService;

impl FromStr for RootKeyService {
    type Err = NotAService;

    fn from_str(text: &str) -> Result<RootKeyService, NotAService> {
        if text == "file" {
            return Ok(RootKeyService::File);
        }
        let (service, key) = text.split_once(':').ok_or(NotAService)?;
        match service {
            "aws-kms" if is_name(key, ":/_-") => Ok(RootKeyService::AwsKms { key: key.to_owned() }),
            // What is put into the address of a request: no way up, and nothing that would have to be escaped.
            "vault" if is_name(key, "/_-.") && key.split('/').all(|part| !matches!(part, "" | "." | "..")) => {
                let (mount, key) = key.rsplit_once('/').ok_or(NotAService)?;
                Ok(RootKeyService::Vault { mount: mount.to_owned(), key: key.to_owned() })
            }
            _ => Err(NotAService),
        }
    }
}

fn is_name(text: &str, beside: &str) -> bool {
    let known = |c: char| c.is_ascii_alphanumeric() || beside.contains(c);
    (1..=LONGEST).contains(&text.len()) && text.chars().all(known)
}

impl fmt::Display for RootKeyService {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            RootKeyService::File => f.write_str("file"),
            RootKeyService::AwsKms { key } => write!(f, "aws-kms:{key}"),
            RootKeyService::Vault { mount, key } => write!(f, "vault:{mount}/{key}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_service_is_read_as_it_is_written() {
        for text in [
            "file",
            "aws-kms:alias/daybook",
            "aws-kms:1234abcd-12ab-34cd-56ef-1234567890ab",
            "aws-kms:arn:aws:kms:eu-central-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab",
            "vault:transit/daybook",
            "vault:teams/finance/transit/daybook.root",
        ] {
            assert_eq!(text.parse::<RootKeyService>().unwrap().to_string(), text);
        }
        let vault: RootKeyService = "vault:teams/transit/daybook".parse().unwrap();
        assert_eq!(vault, RootKeyService::Vault { mount: "teams/transit".to_owned(), key: "daybook".to_owned() });
    }

    #[test]
    fn what_names_no_key_is_refused() {
        for text in [
            "",
            "File",
            "file:",
            "aws-kms",
            "aws-kms:",
            "aws-kms:alias/a b",
            "aws-kms:alias/a\n",
            "gcp-kms:a",
            "vault:daybook",
            "vault:/daybook",
            "vault:transit/",
            "vault:transit/../sys",
            "vault:transit/daybook?x=1",
            "vault:transit/%2e%2e",
        ] {
            assert_eq!(text.parse::<RootKeyService>(), Err(NotAService), "{text}");
        }
        assert!(format!("aws-kms:{}", "a".repeat(LONGEST + 1)).parse::<RootKeyService>().is_err());
    }
}
