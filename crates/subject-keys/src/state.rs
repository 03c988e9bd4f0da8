//! What the key store records about a key.

/// The recorded state of a key. "Never had a key" is no state but the absence of a record, and the difference matters:
/// where no record exists a key may be created, where a key was destroyed none may ever be, or the next late retry
/// would bring an erased person back. Read an absent record as `None`, never as either of these.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum KeyState {
    /// The key exists, wrapped; it seals and opens.
    Active,
    /// The key was destroyed and the record is its permanent tombstone. There is no way back.
    Destroyed,
}

/// A stored key state that is neither `active` nor `destroyed`. Treat it as a damaged row, never as an absent one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the stored key state is neither `active` nor `destroyed`")]
pub struct UnknownKeyState;

impl KeyState {
    /// The stored form: `active` or `destroyed`.
    pub fn as_str(self) -> &'static str {
        match self {
            KeyState::Active => "active",
            KeyState::Destroyed => "destroyed",
        }
    }

    /// Reads the stored form, exactly as [`as_str`](KeyState::as_str) writes it.
    pub fn parse(text: &str) -> Result<KeyState, UnknownKeyState> {
        match text {
            "active" => Ok(KeyState::Active),
            "destroyed" => Ok(KeyState::Destroyed),
            _ => Err(UnknownKeyState),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn states_survive_storage_and_nothing_else_is_one() {
        for state in [KeyState::Active, KeyState::Destroyed] {
            assert_eq!(KeyState::parse(state.as_str()), Ok(state));
        }
        for text in ["", "Active", "destroyed ", "none"] {
            assert_eq!(KeyState::parse(text), Err(UnknownKeyState), "{text:?}");
        }
    }
}
