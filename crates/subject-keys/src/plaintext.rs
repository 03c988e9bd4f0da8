//! What was decrypted, for as long as somebody needs it.

use zeroize::ZeroizeOnDrop;

/// Decrypted bytes. They are overwritten when dropped, and neither printed nor copied by accident: reading them is
/// reading the slice they are.
///
/// ```compile_fail,E0277
/// fn leak(plaintext: &subject_keys::Plaintext) -> String {
///     format!("{plaintext}")
/// }
/// ```
///
/// ```compile_fail,E0277
/// fn copy(plaintext: &subject_keys::Plaintext) -> subject_keys::Plaintext {
///     Clone::clone(plaintext)
/// }
/// ```
pub struct Plaintext(Vec<u8>);

impl Plaintext {
    /// A copy of these bytes in memory of their own, to be decrypted in place.
    pub(crate) fn decrypted_from(ciphertext: &[u8]) -> Plaintext {
        Plaintext(ciphertext.to_vec())
    }

    /// The bytes, to be decrypted in place.
    pub(crate) fn as_mut(&mut self) -> &mut [u8] {
        &mut self.0
    }

    /// Forgets what is behind `len` bytes. It is not overwritten later: it must be no secret.
    pub(crate) fn truncate(&mut self, len: usize) {
        self.0.truncate(len);
    }

    /// The bytes.
    pub fn as_slice(&self) -> &[u8] {
        &self.0
    }

    /// Overwrites the bytes. `Zeroizing<Vec<u8>>` would write each byte by itself, and take as long for a few thousand as
    /// half their decryption; this fills them as any memory is filled, and then keeps the compiler from leaving it out.
    fn wipe(&mut self) {
        self.0.fill(0);
        zeroize::optimization_barrier(self.0.as_slice());
    }
}

impl std::ops::Deref for Plaintext {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        self.as_slice()
    }
}

/// Shows that there is something and never what.
impl std::fmt::Debug for Plaintext {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("<pii>")
    }
}

impl Drop for Plaintext {
    fn drop(&mut self) {
        self.wipe();
    }
}

impl ZeroizeOnDrop for Plaintext {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_read_as_a_slice_printed_as_nothing_and_wiped() {
        let mut plaintext = Plaintext::decrypted_from(b"Bilqis");
        assert_eq!((plaintext.as_slice(), plaintext.len()), (b"Bilqis".as_slice(), 6));
        assert_eq!(format!("{plaintext:?}"), "<pii>");
        plaintext.wipe();
        assert_eq!(plaintext.as_slice(), [0; 6]);
    }
}
