//! A mark for personal data in memory, so that it cannot slip into a log line or a response by accident.

/// Personal data in clear, in the memory of the process that needs it. It cannot be serialised or displayed, and its
/// Debug form is `<pii>`; reading it takes a visible [`expose`](Pii::expose).
///
/// It does not wipe its content when dropped, because then the content could not be moved out. Where that matters
/// hold a `Pii<Zeroizing<String>>`.
///
/// ```compile_fail,E0277
/// fn leak(name: &subject_keys::Pii<String>) -> String {
///     format!("{name}")
/// }
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct Pii<T>(T);

impl<T> Pii<T> {
    /// Marks a value as personal data.
    pub fn new(value: T) -> Pii<T> {
        Pii(value)
    }

    /// Looks at the value. Each call is a place where a reviewer asks who may see it.
    pub fn expose(&self) -> &T {
        &self.0
    }

    /// Takes the value out of its mark.
    pub fn into_inner(self) -> T {
        self.0
    }

    /// Turns the value into another that is personal data as well.
    pub fn map<U>(self, change: impl FnOnce(T) -> U) -> Pii<U> {
        Pii(change(self.0))
    }
}

impl<T> From<T> for Pii<T> {
    fn from(value: T) -> Pii<T> {
        Pii(value)
    }
}

impl<T> std::fmt::Debug for Pii<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("<pii>")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_an_explicit_look_shows_the_value() {
        let name = Pii::new("Bilqis".to_owned());
        assert_eq!(format!("{name:?} {name:#?} {:?}", Some(&name)), "<pii> <pii> Some(<pii>)");
        assert_eq!(name.expose(), "Bilqis");
        assert_eq!(name.map(|name| name.len()).into_inner(), 6);
    }
}
