//! The text form of a root key in a local file: one line of 64 hexadecimal digits.

use zeroize::Zeroizing;

use crate::keys::{KEY_LEN, RootKey};

/// Why the content of a root key file was refused. It never quotes the content.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RootKeyFileError {
    /// The content is not 64 characters long, white space around it aside.
    #[error("a root key file holds one line of 64 hexadecimal digits; this one has another length")]
    WrongLength,
    /// The content has the right length, but a character is not a hexadecimal digit.
    #[error("a root key file holds one line of 64 hexadecimal digits; this one has other characters")]
    NotHex,
    /// The key is all zeros: a placeholder that was never filled in.
    #[error("the root key is all zeros; generate a real one")]
    AllZeros,
}

impl RootKey {
    /// Reads the content of a root key file: 64 hexadecimal digits of either case, white space around them ignored.
    pub fn parse_file(text: &str) -> Result<RootKey, RootKeyFileError> {
        let digits = text.trim();
        if digits.len() != 2 * KEY_LEN {
            return Err(RootKeyFileError::WrongLength);
        }
        let mut bytes = Zeroizing::new([0; KEY_LEN]);
        hex::decode_to_slice(digits, bytes.as_mut_slice()).map_err(|_| RootKeyFileError::NotHex)?;
        if bytes.iter().all(|byte| *byte == 0) {
            return Err(RootKeyFileError::AllZeros);
        }
        Ok(RootKey::from_bytes(*bytes))
    }

    /// What to write into a root key file: 64 lower-case hexadecimal digits and a newline. Wiped when dropped.
    pub fn to_file_text(&self) -> Zeroizing<String> {
        // Room for the newline is made first, because growing the string would leave an unwiped copy behind.
        let mut text = Zeroizing::new(String::with_capacity(2 * KEY_LEN + 1));
        let digits = Zeroizing::new(hex::encode(self.expose()));
        text.push_str(&digits);
        text.push('\n');
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_root_key_survives_its_file() {
        let key = RootKey::from_bytes(*b"an invented root key of 32 bytes");
        let text = key.to_file_text();
        assert_eq!(text.len(), 65);
        assert_eq!(RootKey::parse_file(&text).unwrap().expose(), key.expose());
        assert_eq!(RootKey::parse_file(&text.to_uppercase()).unwrap().expose(), key.expose());
        assert_eq!(RootKey::parse_file(&format!("  {}\r\n\n", text.trim())).unwrap().expose(), key.expose());
    }

    #[test]
    fn each_fault_of_a_root_key_file_has_its_name() {
        let refused = |text: &str| RootKey::parse_file(text).err();
        assert_eq!(refused(""), Some(RootKeyFileError::WrongLength));
        assert_eq!(refused(&"ab".repeat(31)), Some(RootKeyFileError::WrongLength));
        assert_eq!(refused(&"ab".repeat(33)), Some(RootKeyFileError::WrongLength));
        assert_eq!(refused(&"zz".repeat(32)), Some(RootKeyFileError::NotHex));
        assert_eq!(refused(&"é".repeat(32)), Some(RootKeyFileError::NotHex));
        assert_eq!(refused(&"00".repeat(32)), Some(RootKeyFileError::AllZeros));
    }
}
