//! What the forms send. None of it has a Debug form: it is what people type about themselves.

use serde::Deserialize;

/// Who somebody says they are.
#[derive(Deserialize)]
pub(super) struct Sought {
    /// The printed name of an order.
    #[serde(default)]
    pub(super) order: String,
    /// The phone number behind it.
    #[serde(default)]
    pub(super) phone: String,
}

/// A code.
#[derive(Deserialize)]
pub(super) struct Code {
    #[serde(default)]
    pub(super) code: String,
}

/// A request.
#[derive(Deserialize)]
pub(super) struct Wish {
    /// The form's own id, which becomes the request's.
    #[serde(default)]
    pub(super) form: String,
    /// What binds it to the session.
    #[serde(default)]
    pub(super) token: String,
    /// What they ask for.
    #[serde(default)]
    pub(super) kind: String,
    /// What they write.
    #[serde(default)]
    pub(super) words: String,
}

/// The end of a session.
#[derive(Deserialize)]
pub(super) struct Leave {
    #[serde(default)]
    pub(super) form: String,
    #[serde(default)]
    pub(super) token: String,
}

/// Whether two tokens are one, in a time that says nothing of where they differ.
pub(super) fn same(one: &str, other: &str) -> bool {
    one.len() == other.len() && one.bytes().zip(other.bytes()).fold(0, |differ, (a, b)| differ | (a ^ b)) == 0
}

#[cfg(test)]
mod tests {
    use super::same;

    #[test]
    fn tokens_are_one_or_not() {
        assert!(same("", "") && same("ab", "ab"));
        assert!(!same("ab", "ac") && !same("ab", "a") && !same("", "a"));
    }
}
