//! Why a request gets no figures, and how that is said: as a page, or as problem details (RFC 9457). Neither repeats what was
//! asked for, names another tenant, or carries anything of the database but its error's kind, and that only to the log.

use axum::Json;
use axum::http::StatusCode;
use axum::http::header::{CONTENT_TYPE, RETRY_AFTER};
use axum::response::{IntoResponse, Response};
use privacy::person::GatherError;
use serde_json::json;
use store::db::DbError;
use store::keys::{KeyStoreError, RequestError};

use crate::pages;

/// Seconds after which trying again makes sense.
const RETRY_SECONDS: &str = "5";

/// Why there is nothing to show.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Refusal {
    /// No such tenant, order or path; which of them is not said.
    #[error("not found")]
    NotFound,
    /// `limit` is not a number from 1 to the most that is given at once.
    #[error("bad limit")]
    BadLimit,
    /// The books could not be read.
    #[error(transparent)]
    Database(#[from] DbError),
    /// What is held about a person could not be read, or what they ask not be put on record.
    #[error(transparent)]
    Keys(#[from] KeyStoreError),
    /// The same, where more than the key store is asked.
    #[error(transparent)]
    Gather(#[from] GatherError),
    /// The same, where a request is filed.
    #[error(transparent)]
    Request(#[from] RequestError),
    /// A page could not be written: a mistake in the program.
    #[error("a page could not be rendered: {0}")]
    Render(#[from] askama::Error),
}

/// A refusal in words.
pub(crate) struct Words {
    pub(crate) status: StatusCode,
    pub(crate) title: &'static str,
    pub(crate) advice: &'static str,
}

impl Refusal {
    /// What the reader is told.
    pub(crate) fn words(&self) -> Words {
        let (status, title, advice) = match self {
            Refusal::NotFound => {
                (StatusCode::NOT_FOUND, "Nothing is here", "Check the address, or go back to the first page.")
            }
            Refusal::BadLimit => (StatusCode::BAD_REQUEST, "Bad limit", "`limit` is a whole number from 1 to 500."),
            Refusal::Database(error) if is_passing(error) => (
                StatusCode::SERVICE_UNAVAILABLE,
                "The books cannot be read at the moment",
                "The database does not answer. Nothing is lost: try again in a few seconds.",
            ),
            Refusal::Keys(error) if is_away(error) => AWAY,
            Refusal::Gather(GatherError::Keys(error)) if is_away(error) => AWAY,
            Refusal::Gather(GatherError::Db(error)) if is_passing(error) => AWAY,
            Refusal::Request(RequestError::Store(error)) if is_away(error) => AWAY,
            Refusal::Database(_) | Refusal::Render(_) | Refusal::Keys(_) | Refusal::Gather(_) | Refusal::Request(_) => {
                (
                    StatusCode::INTERNAL_SERVER_ERROR,
                    "This could not be shown",
                    "Something is wrong on our side. The program's log says what; `daybook verify` checks the books.",
                )
            }
        };
        Words { status, title, advice }
    }

    fn log(&self) {
        if !matches!(self, Refusal::NotFound | Refusal::BadLimit) {
            tracing::error!(error = %self, "a page or an API answer could not be given");
        }
    }
}

/// What is said while a database of personal data is away.
const AWAY: (StatusCode, &str, &str) = (
    StatusCode::SERVICE_UNAVAILABLE,
    "This cannot be shown at the moment",
    "A database does not answer. Nothing is lost: try again in a few seconds.",
);

fn is_away(error: &KeyStoreError) -> bool {
    matches!(error, KeyStoreError::Db(error) if is_passing(error))
        || matches!(error, KeyStoreError::Keyring(_) | KeyStoreError::NotListed(_))
}

/// Whether the same question may be answered later without anybody repairing anything.
fn is_passing(error: &DbError) -> bool {
    matches!(error, DbError::Unavailable(_) | DbError::Conflict { .. } | DbError::CommitUnknown)
}

/// A refusal that is answered as a page.
pub(crate) struct AsPage(Refusal);

/// A refusal that is answered as problem details.
pub(crate) struct AsProblem(Refusal);

impl<E: Into<Refusal>> From<E> for AsPage {
    fn from(error: E) -> AsPage {
        AsPage(error.into())
    }
}

impl<E: Into<Refusal>> From<E> for AsProblem {
    fn from(error: E) -> AsProblem {
        AsProblem(error.into())
    }
}

impl IntoResponse for AsPage {
    fn into_response(self) -> Response {
        self.0.log();
        let words = self.0.words();
        retry_later(words.status, (words.status, pages::notice(&words)).into_response())
    }
}

impl IntoResponse for AsProblem {
    fn into_response(self) -> Response {
        self.0.log();
        let Words { status, title, advice } = self.0.words();
        let body = json!({ "type": "about:blank", "title": title, "status": status.as_u16(), "detail": advice });
        let response = (status, [(CONTENT_TYPE, "application/problem+json")], Json(body)).into_response();
        retry_later(status, response)
    }
}

fn retry_later(status: StatusCode, response: Response) -> Response {
    if status == StatusCode::SERVICE_UNAVAILABLE {
        ([(RETRY_AFTER, RETRY_SECONDS)], response).into_response()
    } else {
        response
    }
}

#[cfg(test)]
mod tests {
    use store::db::Outage;

    use super::*;

    #[test]
    fn every_refusal_has_its_status() {
        let wrong =
            DbError::Statement { code: "42P01".to_owned(), message: "relation \"x\" does not exist".to_owned() };
        let cases: [(Refusal, u16, Option<&str>); 5] = [
            (Refusal::NotFound, 404, None),
            (Refusal::BadLimit, 400, None),
            (Refusal::Database(DbError::Unavailable(Outage::ConnectionLost)), 503, Some(RETRY_SECONDS)),
            (Refusal::Database(DbError::Conflict { code: "40001".to_owned() }), 503, Some(RETRY_SECONDS)),
            (Refusal::Database(wrong), 500, None),
        ];
        for (refusal, status, retry) in cases {
            let said = format!("{refusal:?}");
            let response = AsProblem(refusal).into_response();
            assert_eq!(response.status().as_u16(), status, "{said}");
            let given = response.headers().get(RETRY_AFTER).and_then(|value| value.to_str().ok());
            assert_eq!(given, retry, "{said}");
        }
    }

    #[test]
    fn words_never_repeat_the_database() {
        let secret = DbError::Statement { code: "42P01".to_owned(), message: "no such table: part".to_owned() };
        let words = Refusal::Database(secret).words();
        assert!(!words.title.contains("part") && !words.advice.contains("table"));
    }
}
