//! The text of a root key file whose key a service has sealed: one line that says who sealed it, under which key.

use crate::service::RootKeyService;

/// What such a text begins with. A key in clear is 64 hexadecimal digits, so the two are never taken for one another.
const HEAD: &str = "daybook-root-key";

/// The version that is written, and the only one that is known. The first is the key in clear, which has no version in it.
const VERSION: &str = "v2";

/// A root key as a service has sealed it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct SealedRoot {
    /// Who sealed it, as it was configured then.
    pub(crate) service: RootKeyService,
    /// What the service says the key is: an alias may name another one by now.
    pub(crate) key: String,
    /// What the service answered, in its own text form.
    pub(crate) ciphertext: String,
}

/// Why a text is not a sealed root key. Nothing of it is quoted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotSealedText {
    /// It was written by a later version of daybook.
    #[error("it was written by a later version of daybook: use that one")]
    LaterVersion,
    /// It was cut or changed.
    #[error("it is cut or changed: restore it from its copy")]
    Damaged,
}

/// Reads the text of a root key file; None if it is none of a sealed key.
pub(crate) fn parse(text: &str) -> Result<Option<SealedRoot>, NotSealedText> {
    let mut words = text.split_ascii_whitespace();
    if words.next() != Some(HEAD) {
        return Ok(None);
    }
    let version = words.next().ok_or(NotSealedText::Damaged)?;
    if version != VERSION {
        let number = version.strip_prefix('v').and_then(|digits| digits.parse::<u32>().ok());
        return Err(number.map_or(NotSealedText::Damaged, |_| NotSealedText::LaterVersion));
    }
    let mut value = |name: &str| words.next()?.strip_prefix(name)?.strip_prefix('=').filter(|value| !value.is_empty());
    let (service, key, ciphertext) = (value("service"), value("key"), value("ciphertext"));
    let service = service.and_then(|text| text.parse().ok()).filter(|service| *service != RootKeyService::File);
    match (service, key, ciphertext, words.next()) {
        (Some(service), Some(key), Some(ciphertext), None) => {
            Ok(Some(SealedRoot { service, key: key.to_owned(), ciphertext: ciphertext.to_owned() }))
        }
        _ => Err(NotSealedText::Damaged),
    }
}

impl SealedRoot {
    /// What to write into the file.
    pub(crate) fn to_text(&self) -> String {
        let SealedRoot { service, key, ciphertext } = self;
        format!("{HEAD} {VERSION} service={service} key={key} ciphertext={ciphertext}\n")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LINE: &str =
        "daybook-root-key v2 service=vault:transit/daybook key=transit/daybook ciphertext=vault:v1:abc=\n";

    #[test]
    fn a_sealed_root_survives_its_file() {
        let sealed = parse(LINE).unwrap().unwrap();
        assert_eq!(sealed.to_text(), LINE);
        assert_eq!(sealed.ciphertext, "vault:v1:abc=");
        let kms = LINE.replace("vault:transit/daybook", "aws-kms:alias/daybook");
        assert_eq!(parse(&kms).unwrap().unwrap().to_text(), kms);
    }

    #[test]
    fn a_key_in_clear_is_no_sealed_one() {
        assert_eq!(parse(&"ab".repeat(32)), Ok(None));
        assert_eq!(parse(""), Ok(None));
    }

    #[test]
    fn every_cut_and_every_other_field_is_refused() {
        // A cut within the ciphertext is for the service to refuse.
        let ciphertext = LINE.find("vault:v1").unwrap();
        for length in HEAD.len()..=ciphertext {
            assert_eq!(parse(&LINE[..length]), Err(NotSealedText::Damaged), "{}", &LINE[..length]);
        }
        for (from, to) in [
            ("v2", "v"),
            ("service=", "servant="),
            ("vault:transit/daybook", "file"),
            ("vault:transit/daybook", "nobody:a"),
            ("key=transit/daybook", "key="),
            ("\n", " more\n"),
        ] {
            assert_eq!(parse(&LINE.replacen(from, to, 1)), Err(NotSealedText::Damaged), "{to}");
        }
        assert_eq!(parse(&LINE.replace("v2", "v3")), Err(NotSealedText::LaterVersion));
    }
}
