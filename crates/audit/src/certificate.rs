//! Certificates of erasures: who holds the key says what was done about a person in every place where their data can lie, and
//! until when a copy of their keys may open. It names the person by the random id that daybook gave them, and by nothing else.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::signing::{PublicKey, Signer};

/// What a certificate calls its format.
const FORMAT: &str = "daybook-erasure-certificate/1";

/// What every signed message begins with, so that no other signature by the same key can stand for a certificate.
const DOMAIN: &[u8] = b"daybook.erasure-certificate.v1";

/// What is certified. Times are RFC 3339 in UTC, to the second, so that they compare as texts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Statement {
    /// Whose customer.
    pub tenant: String,
    /// The random id of the person's data here.
    pub subject: String,
    /// `person`, `shop` or `retention`: who wanted it.
    pub reason: String,
    /// When it was asked for.
    pub requested_at: String,
    /// Since when nobody can read what was sealed here.
    pub unreadable_since: String,
    /// What a copy of the destroyed keys is worth.
    pub copies: CopiesOpen,
    /// Every place where this system can hold something about the person.
    pub places: Vec<Place>,
    /// What the certificate claims, and what it does not.
    pub words: String,
    /// When all of this was looked at.
    pub issued_at: String,
}

/// What a copy of the destroyed keys, in a backup or an archive, is worth.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "snake_case", deny_unknown_fields)]
pub enum CopiesOpen {
    /// None opens, since then.
    Gone {
        /// When the last epoch was destroyed that wrapped one.
        since: String,
    },
    /// One may open, together with the root key and the keyring, until then at the latest.
    Open {
        /// When the last epoch is destroyed that wraps one.
        until: String,
    },
    /// One may open, and should not have been able to since then: a key that was to be destroyed is still there, or is back.
    Overdue {
        /// When none was to open any more.
        since: String,
    },
    /// Nobody knows: the keys were destroyed before there were key epochs.
    Unknown,
}

/// A place where something about a person can lie.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Place {
    /// Which.
    pub place: String,
    /// What it held, or still holds.
    pub holds: String,
    /// What was done there.
    pub done: String,
    /// Until when something there may still be opened by a copy of the keys; none if not at all.
    pub opens_until: Option<String>,
}

/// A signed statement.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Certificate {
    /// `daybook-erasure-certificate/1`.
    pub format: String,
    /// What is certified.
    pub statement: Statement,
    /// Who signed it: an Ed25519 key, hexadecimal.
    pub public_key: String,
    /// Ed25519 over the domain, the statement as JSON without white space and with its fields in the order above, and the public
    /// key, each led by its length (u64, big-endian); hexadecimal.
    pub signature: String,
}

/// Why a certificate proves nothing. Checked in this order; the first that applies is the answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum CertificateError {
    /// It is of a format that this program does not know.
    #[error("the certificate is not of the format {FORMAT}")]
    Format,
    /// Another key signed it than the one that is trusted.
    #[error("the certificate was signed by another key than the one given")]
    AnotherKey,
    /// The signature is not one of that key over what the certificate says.
    #[error("the certificate's signature does not match what it says")]
    Signature,
}

impl Signer {
    /// Signs what is certified.
    pub fn certify(&self, statement: Statement) -> Certificate {
        let public_key = self.public_key().to_string();
        let signature = self.sign_fields(&[DOMAIN, &signed(&statement), public_key.as_bytes()]);
        Certificate { format: FORMAT.to_owned(), statement, public_key, signature }
    }
}

impl Certificate {
    /// Checks the signature against a key that came from elsewhere than the certificate.
    pub fn verify(&self, trusted: &PublicKey) -> Result<(), CertificateError> {
        let key = trusted.to_string();
        if self.format != FORMAT {
            return Err(CertificateError::Format);
        }
        if self.public_key != key {
            return Err(CertificateError::AnotherKey);
        }
        match trusted.signed_fields(&[DOMAIN, &signed(&self.statement), key.as_bytes()], &self.signature) {
            true => Ok(()),
            false => Err(CertificateError::Signature),
        }
    }
}

/// The certificate for people to read; what is signed is the JSON.
impl fmt::Display for Certificate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let stated = &self.statement;
        writeln!(f, "certificate of erasure")?;
        writeln!(f, "  subject        {} of {}", stated.subject, stated.tenant)?;
        writeln!(f, "  asked for      {} ({})", stated.requested_at, stated.reason)?;
        writeln!(f, "  unreadable     since {}", stated.unreadable_since)?;
        writeln!(f, "  copies of keys {}", stated.copies)?;
        writeln!(f, "  issued         {} by {}", stated.issued_at, self.public_key)?;
        for place in &stated.places {
            let until = place.opens_until.as_ref().map(|until| format!(" (copies may open until {until})"));
            writeln!(f, "\n  {}: {}\n    {}{}", place.place, place.holds, place.done, until.unwrap_or_default())?;
        }
        writeln!(f, "\n{}", stated.words)
    }
}

impl fmt::Display for CopiesOpen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            CopiesOpen::Gone { since } => write!(f, "none opens since {since}"),
            CopiesOpen::Open { until } => write!(f, "one may open until {until}"),
            CopiesOpen::Overdue { since } => write!(f, "one may open, and none was to since {since}"),
            CopiesOpen::Unknown => f.write_str("no date is known: they were destroyed before there were key epochs"),
        }
    }
}

fn signed(statement: &Statement) -> Vec<u8> {
    #[expect(clippy::expect_used, reason = "texts and lists of texts always have a JSON form")]
    serde_json::to_vec(statement).expect("a JSON text")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn statement() -> Statement {
        Statement {
            tenant: "kohsar".to_owned(),
            subject: "7b4f0b1e-5f0a-4b70-9d0e-0d6f6b8b1c11".to_owned(),
            reason: "person".to_owned(),
            requested_at: "2026-11-01T08:00:00Z".to_owned(),
            unreadable_since: "2026-11-01T08:00:01Z".to_owned(),
            copies: CopiesOpen::Open { until: "2026-12-02T10:00:00Z".to_owned() },
            places: vec![Place {
                place: "event log".to_owned(),
                holds: "sealed details".to_owned(),
                done: "no key opens them".to_owned(),
                opens_until: Some("2026-12-02T10:00:00Z".to_owned()),
            }],
            words: "cryptographically erased".to_owned(),
            issued_at: "2026-11-01T09:00:00Z".to_owned(),
        }
    }

    /// The certificate with one text changed, for every text in it.
    fn changed(certificate: &Certificate) -> Vec<Certificate> {
        let text = serde_json::to_string(certificate).unwrap();
        let quotes: Vec<usize> = text.match_indices('"').map(|(at, _)| at).collect();
        let with_an_x = |at: usize| [&text[..at], "x", &text[at..]].concat();
        // A changed name of a field is no certificate any more.
        quotes.into_iter().filter_map(|at| serde_json::from_str(&with_an_x(at)).ok()).collect()
    }

    #[test]
    fn only_the_key_and_the_very_words_verify() {
        let (signer, other) = (Signer::from_seed(&[7; 32]), Signer::from_seed(&[8; 32]));
        let certificate = signer.certify(statement());
        assert_eq!(certificate.verify(&signer.public_key()), Ok(()));
        assert_eq!(certificate.verify(&other.public_key()), Err(CertificateError::AnotherKey));

        let stored = serde_json::to_string_pretty(&certificate).unwrap();
        let read: Certificate = serde_json::from_str(&stored).unwrap();
        assert_eq!(read.verify(&signer.public_key()), Ok(()), "white space says nothing");

        let forged = changed(&certificate);
        assert_eq!(forged.len(), 15, "the statement's twelve texts, and format, key and signature");
        for one in forged {
            assert!(one.verify(&signer.public_key()).is_err(), "{one:?}");
        }
        let gone = CopiesOpen::Gone { since: "2026-12-02T10:00:00Z".to_owned() };
        for wrong in [
            Statement { copies: gone, ..statement() },
            Statement { copies: CopiesOpen::Unknown, ..statement() },
            Statement { places: vec![], ..statement() },
        ] {
            let forged = Certificate { statement: wrong, ..certificate.clone() };
            assert_eq!(forged.verify(&signer.public_key()), Err(CertificateError::Signature));
        }
    }

    #[test]
    fn a_checkpoints_signature_is_no_certificates() {
        let signer = Signer::from_seed(&[7; 32]);
        let checkpoint = signer.sign("kohsar", 1, ledger::GENESIS, ledger::Timestamp(5));
        let forged = Certificate { signature: checkpoint.signature, ..signer.certify(statement()) };
        assert_eq!(forged.verify(&signer.public_key()), Err(CertificateError::Signature));
    }

    #[test]
    fn a_certificate_with_more_in_it_is_none() {
        let mut value = serde_json::to_value(Signer::from_seed(&[7; 32]).certify(statement())).unwrap();
        value["statement"]["name"] = "somebody".into();
        assert!(serde_json::from_value::<Certificate>(value).is_err());
    }
}
