//! Where an event comes from.

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

/// The system an event comes from: `shopify`, `postex`, `retail`, or `daybook` itself. Lower-case letters, digits and
/// hyphens, up to 40, so that it can stand in a header.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Source(Cow<'static, str>);

/// The text is not a source.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a source is 1 to 40 lower-case letters, digits and hyphens")]
pub struct SourceError;

impl Source {
    /// This software: what the bookkeeper posts, which subjects were erased.
    pub const DAYBOOK: Source = Source(Cow::Borrowed("daybook"));
    /// Shopify's webhooks and back-fills.
    pub const SHOPIFY: Source = Source(Cow::Borrowed("shopify"));
    /// PostEx's pushes, pulls and settlement files.
    pub const POSTEX: Source = Source(Cow::Borrowed("postex"));

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for Source {
    type Error = SourceError;

    fn try_from(text: String) -> Result<Self, SourceError> {
        let ok = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
        if text.is_empty() || text.len() > 40 || !text.bytes().all(ok) {
            return Err(SourceError);
        }
        Ok(Source(Cow::Owned(text)))
    }
}

impl FromStr for Source {
    type Err = SourceError;

    fn from_str(text: &str) -> Result<Self, SourceError> {
        Source::try_from(text.to_owned())
    }
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
