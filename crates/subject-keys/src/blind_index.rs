//! Blind indexes: find the subject behind a phone number without storing the phone number.
//!
//! A plain hash would not do: all ten-digit numbers can be tried in minutes. Under a secret key per tenant nobody
//! without that key can try any, two tenants' entries for one person cannot be matched, and destroying the key blinds
//! the whole index at once. One entry alone is blinded by its [index page](crate::IndexPageKey).

use crate::hazmat::mac;
use crate::keys::IndexKey;

impl IndexKey {
    /// HMAC-SHA256 over the length-prefixed `kind` and `value`: equal inputs give equal bytes, and nothing else shows.
    /// `kind` separates name spaces (`phone`, `email`, `customer-id`). The caller normalises `value` first, a phone to
    /// E.164 for example: one differing character gives an unrelated result.
    pub fn blind(&self, kind: &str, value: &str) -> [u8; 32] {
        mac(self.expose(), &[kind.as_bytes(), value.as_bytes()])
    }
}
