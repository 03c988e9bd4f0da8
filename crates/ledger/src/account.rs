//! Accounts: a hierarchical chart whose first segment says what kind of account it is.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// A path in the chart of accounts, such as `assets:cod-receivable:postex`.
///
/// Segments are lower-case letters, digits and hyphens, so an account cannot carry a name, a phone number with its
/// punctuation, or an e-mail address.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Account(String);

/// What an account counts; decides its normal side.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum AccountClass {
    /// What is owned or owed to us.
    Assets,
    /// What we owe.
    Liabilities,
    /// What the owners hold.
    Equity,
    /// What was earned.
    Income,
    /// What was used up.
    Expenses,
}

/// The side of an entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Side {
    /// Left.
    Debit,
    /// Right.
    Credit,
}

/// The text is not an account path.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum AccountError {
    /// The first segment is not one of the five classes.
    #[error("an account begins with assets, liabilities, equity, income or expenses")]
    UnknownClass,
    /// A segment is empty, too long, or has other characters than lower-case letters, digits and hyphens.
    #[error("account segments are lower-case letters, digits and hyphens, up to 120 characters in all")]
    BadSegment,
}

impl Account {
    /// The whole path.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The class its first segment names.
    pub fn class(&self) -> AccountClass {
        // `from_str` admits nothing whose first segment is not a class.
        class_of(&self.0).unwrap_or(AccountClass::Assets)
    }

    /// The side on which the account grows.
    pub fn normal_side(&self) -> Side {
        self.class().normal_side()
    }

    /// True of `branch` itself and of every account below it.
    pub fn is_within(&self, branch: &Account) -> bool {
        self.0.strip_prefix(&branch.0).is_some_and(|rest| rest.is_empty() || rest.starts_with(':'))
    }
}

impl AccountClass {
    /// The side on which accounts of this class grow.
    pub fn normal_side(self) -> Side {
        match self {
            AccountClass::Assets | AccountClass::Expenses => Side::Debit,
            AccountClass::Liabilities | AccountClass::Equity | AccountClass::Income => Side::Credit,
        }
    }
}

fn class_of(path: &str) -> Option<AccountClass> {
    match path.split(':').next()? {
        "assets" => Some(AccountClass::Assets),
        "liabilities" => Some(AccountClass::Liabilities),
        "equity" => Some(AccountClass::Equity),
        "income" => Some(AccountClass::Income),
        "expenses" => Some(AccountClass::Expenses),
        _ => None,
    }
}

impl FromStr for Account {
    type Err = AccountError;

    fn from_str(path: &str) -> Result<Self, AccountError> {
        Account::try_from(path.to_owned())
    }
}

impl TryFrom<String> for Account {
    type Error = AccountError;

    fn try_from(path: String) -> Result<Self, AccountError> {
        class_of(&path).ok_or(AccountError::UnknownClass)?;
        let segment_ok =
            |s: &str| !s.is_empty() && s.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-');
        if path.len() > 120 || !path.contains(':') || !path.split(':').all(segment_ok) {
            return Err(AccountError::BadSegment);
        }
        Ok(Account(path))
    }
}

impl From<Account> for String {
    fn from(account: Account) -> String {
        account.0
    }
}

impl fmt::Display for Account {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Side {
    /// The other side.
    pub fn opposite(self) -> Side {
        match self {
            Side::Debit => Side::Credit,
            Side::Credit => Side::Debit,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_checked() {
        assert!("assets:cod-receivable:postex".parse::<Account>().is_ok());
        for (bad, why) in [
            ("cash", AccountError::UnknownClass),
            ("assets", AccountError::BadSegment),
            ("assets:", AccountError::BadSegment),
            ("assets:Ali Raza", AccountError::BadSegment),
            ("assets:ali@example.com", AccountError::BadSegment),
        ] {
            assert_eq!(bad.parse::<Account>(), Err(why), "{bad}");
        }
    }

    #[test]
    fn a_branch_holds_itself_and_what_is_below_it() {
        let within = |path: &str, branch: &str| path.parse::<Account>().unwrap().is_within(&branch.parse().unwrap());
        assert!(within("assets:cod-receivable:postex", "assets:cod-receivable"));
        assert!(within("assets:cod-receivable", "assets:cod-receivable"));
        assert!(!within("assets:cod-receivable-other", "assets:cod-receivable"));
        assert!(!within("assets:cod-receivable", "assets:cod-receivable:postex"));
    }

    #[test]
    fn the_class_gives_the_normal_side() {
        let side = |p: &str| p.parse::<Account>().unwrap().normal_side();
        assert_eq!(side("assets:bank"), Side::Debit);
        assert_eq!(side("expenses:courier-fees"), Side::Debit);
        assert_eq!(side("income:sales"), Side::Credit);
        assert_eq!(side("liabilities:refunds-payable"), Side::Credit);
    }
}
