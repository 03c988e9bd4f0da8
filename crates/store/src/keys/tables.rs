//! The tables of the key store, as the bulk statements see them. Columns stand in the order of `migrations/keys`.

use crate::db::Kind::{Blob, Int, Text};
use crate::db::{Column, Table};

/// Who writes a page holds its lock.
pub(super) static PAGE: Table = Table {
    name: "page",
    columns: &[
        Column::key("page", Int),
        Column::replace("epoch", Int),
        Column::replace("wrapped", Blob),
        Column::replace("used", Int),
        Column::keep("state", Text),
    ],
};

/// Bulk writes only add index keys.
pub(super) static INDEX_KEY: Table = Table {
    name: "index_key",
    columns: &[Column::key("tenant", Text), Column::keep("epoch", Int), Column::keep("wrapped", Blob)],
};

/// An index key that is wrapped anew. Who writes it holds its lock.
pub(super) static INDEX_KEY_PLACE: Table = Table {
    name: "index_key",
    columns: &[Column::key("tenant", Text), Column::replace("epoch", Int), Column::replace("wrapped", Blob)],
};

/// Bulk writes only add subjects: nothing but an erasure changes one.
pub(super) static SUBJECT: Table = Table {
    name: "subject",
    columns: &[
        Column::key("tenant", Text),
        Column::key("subject", Text),
        Column::keep("state", Text),
        Column::keep("created_at", Int),
        Column::keep("erased_at", Int),
    ],
};

/// A subject whose erasure is applied again, known here or not. Who writes it holds the tenant's lock.
pub(super) static SUBJECT_TOMBSTONE: Table = Table {
    name: "subject",
    columns: &[
        Column::key("tenant", Text),
        Column::key("subject", Text),
        Column::replace("state", Text),
        Column::keep("created_at", Int),
        Column::replace("erased_at", Int),
    ],
};

/// Bulk writes only add erasures: what is on record stays as it is.
pub(super) static ERASURE: Table = Table {
    name: "erasure",
    columns: &[
        Column::key("tenant", Text),
        Column::key("subject", Text),
        Column::keep("reason", Text),
        Column::keep("stage", Text),
        Column::keep("requested_at", Int),
        Column::keep("destroyed_at", Int),
        Column::keep("epoch", Int),
    ],
};

/// An erasure that is applied again: done, whether or not this state of the database had heard of the wish.
pub(super) static ERASURE_AGAIN: Table = Table {
    name: "erasure",
    columns: &[
        Column::key("tenant", Text),
        Column::key("subject", Text),
        Column::keep("reason", Text),
        Column::replace("stage", Text),
        Column::keep("requested_at", Int),
        Column::replace("destroyed_at", Int),
        Column::replace("epoch", Int),
    ],
};

/// Whether a subject was erased, and until when payloads that name them mean that subject. Read only.
pub(super) static SUBJECT_FENCE: Table = Table {
    name: "subject",
    columns: &[
        Column::key("tenant", Text),
        Column::key("subject", Text),
        Column::keep("state", Text),
        Column::keep("erased_at", Int),
        Column::keep("fenced_until", Int),
    ],
};

/// Read only, by subject.
pub(super) static HOLD: Table = Table {
    name: "hold",
    columns: &[
        Column::key("tenant", Text),
        Column::key("subject", Text),
        Column::key("reason", Text),
        Column::keep("until", Int),
    ],
};

/// Bulk writes only add keys: nothing but an erasure changes one.
pub(super) static SUBJECT_KEY: Table = Table {
    name: "subject_key",
    columns: &[
        Column::key("tenant", Text),
        Column::key("subject", Text),
        Column::key("month", Text),
        Column::keep("key_id", Text),
        Column::keep("page", Int),
        Column::keep("wrapped", Blob),
        Column::keep("state", Text),
        Column::keep("destroyed_at", Int),
    ],
};

/// A key that moves to another page. Who writes it holds its lock.
pub(super) static SUBJECT_KEY_PLACE: Table = Table {
    name: "subject_key",
    columns: &[
        Column::key("tenant", Text),
        Column::key("subject", Text),
        Column::key("month", Text),
        Column::keep("key_id", Text),
        Column::replace("page", Int),
        Column::replace("wrapped", Blob),
        Column::keep("state", Text),
    ],
};

/// A key that is destroyed. Who writes it holds the tenant's lock and the current epoch.
pub(super) static DESTROYED_KEY: Table = Table {
    name: "subject_key",
    columns: &[
        Column::key("tenant", Text),
        Column::key("subject", Text),
        Column::key("month", Text),
        Column::keep("key_id", Text),
        Column::keep("page", Int),
        Column::replace("wrapped", Blob),
        Column::replace("state", Text),
        Column::replace("destroyed_at", Int),
    ],
};

/// Whose an identity is. Bulk statements read and delete it.
pub(super) static IDENTITY_OWNER: Table = Table {
    name: "identity",
    columns: &[
        Column::key("tenant", Text),
        Column::key("blind", Blob),
        Column::keep("kind", Text),
        Column::keep("subject", Text),
    ],
};

pub(super) static IDENTITY: Table = Table {
    name: "identity",
    columns: &[
        Column::key("tenant", Text),
        Column::key("blind", Blob),
        Column::keep("kind", Text),
        Column::replace("subject", Text),
        Column::replace("fenced_subject", Text),
        Column::replace("fenced_at", Int),
    ],
};

/// An index page that begins, in the place of one that begins where it does. Who writes it holds its tenant's lock.
pub(super) static INDEX_PAGE: Table = Table {
    name: "index_page",
    columns: &[
        Column::key("tenant", Text),
        Column::key("begins", Int),
        Column::replace("bits", Int),
        Column::replace("page", Int),
        Column::replace("epoch", Int),
        Column::replace("last_epoch", Int),
        Column::replace("wrapped", Blob),
        Column::replace("used", Int),
        Column::replace("state", Text),
    ],
};

/// An index page that gets more identities. Its state is not written: it may have been marked since it was read.
pub(super) static INDEX_PAGE_USE: Table = Table {
    name: "index_page",
    columns: &[
        Column::key("tenant", Text),
        Column::key("begins", Int),
        Column::keep("bits", Int),
        Column::keep("page", Int),
        Column::keep("epoch", Int),
        Column::keep("last_epoch", Int),
        Column::keep("wrapped", Blob),
        Column::replace("used", Int),
        Column::keep("state", Text),
    ],
};

/// An index page that is wrapped anew. Its state is not written either.
pub(super) static INDEX_PAGE_PLACE: Table = Table {
    name: "index_page",
    columns: &[
        Column::key("tenant", Text),
        Column::key("begins", Int),
        Column::keep("bits", Int),
        Column::keep("page", Int),
        Column::replace("epoch", Int),
        Column::keep("last_epoch", Int),
        Column::replace("wrapped", Blob),
        Column::keep("used", Int),
        Column::keep("state", Text),
    ],
};

pub(super) static PAGED_IDENTITY: Table = Table {
    name: "paged_identity",
    columns: &[
        Column::key("page", Int),
        Column::key("mark", Blob),
        Column::keep("tenant", Text),
        Column::replace("subject", Text),
        Column::keep("sealed", Blob),
    ],
};

/// Bulk writes only add rows: what is on record stays as it is.
pub(super) static ACCESS: Table = Table {
    name: "access",
    columns: &[
        Column::key("tenant", Text),
        Column::key("number", Int),
        Column::keep("opened_at", Int),
        Column::keep("actor", Text),
        Column::keep("role", Text),
        Column::keep("purpose", Text),
        Column::keep("request", Text),
        Column::keep("subject", Text),
        Column::keep("labels", Text),
        Column::keep("fields", Text),
        Column::keep("shown", Text),
        Column::keep("boxes", Int),
        Column::keep("link", Blob),
    ],
};

pub(super) static ACCESS_CHAIN: Table = Table {
    name: "access_chain",
    columns: &[
        Column::key("tenant", Text),
        Column::replace("number", Int),
        Column::replace("link", Blob),
        Column::replace("purged_number", Int),
        Column::replace("purged_link", Blob),
        Column::replace("seal", Blob),
    ],
};

pub(super) static MAY_REVEAL: Table = Table {
    name: "may_reveal",
    columns: &[Column::key("tenant", Text), Column::key("staff", Text), Column::keep("since", Int)],
};

/// Read only, by subject.
pub(super) static RESTRICTION: Table = Table {
    name: "restriction",
    columns: &[
        Column::key("tenant", Text),
        Column::key("subject", Text),
        Column::key("reason", Text),
        Column::key("since", Int),
        Column::keep("until", Int),
        Column::keep("told_at", Int),
        Column::keep("lifted_at", Int),
    ],
};

/// Read only, by subject.
pub(super) static OBJECTION: Table = Table {
    name: "objection",
    columns: &[
        Column::key("tenant", Text),
        Column::key("subject", Text),
        Column::key("processing", Text),
        Column::key("since", Int),
        Column::keep("ended_at", Int),
    ],
};

/// Read only, by subject.
pub(super) static CONSENT: Table = Table {
    name: "consent",
    columns: &[
        Column::key("tenant", Text),
        Column::key("subject", Text),
        Column::key("number", Int),
        Column::keep("processing", Text),
        Column::keep("wording", Text),
    ],
};

/// Read only, by purpose.
pub(super) static CONSENT_WORDING: Table = Table {
    name: "consent_wording",
    columns: &[
        Column::key("tenant", Text),
        Column::key("processing", Text),
        Column::key("version", Text),
        Column::keep("since", Int),
        Column::keep("sha256", Text),
        Column::keep("keeps_older", Int),
    ],
};

/// A restriction whole, as it is entered again.
pub(super) static RESTRICTION_ROW: Table = Table {
    name: "restriction",
    columns: &[
        Column::key("tenant", Text),
        Column::key("subject", Text),
        Column::key("reason", Text),
        Column::key("since", Int),
        Column::replace("until", Int),
        Column::replace("staff", Text),
        Column::replace("told", Text),
        Column::replace("told_by", Text),
        Column::replace("told_at", Int),
        Column::replace("lifted_by", Text),
        Column::replace("lifted_at", Int),
    ],
};

/// An objection whole, as it is entered again.
pub(super) static OBJECTION_ROW: Table = Table {
    name: "objection",
    columns: &[
        Column::key("tenant", Text),
        Column::key("subject", Text),
        Column::key("processing", Text),
        Column::key("since", Int),
        Column::replace("staff", Text),
        Column::replace("ended_by", Text),
        Column::replace("ended_at", Int),
    ],
};

/// What somebody said of a consent, whole, as it is entered again.
pub(super) static CONSENT_ROW: Table = Table {
    name: "consent",
    columns: &[
        Column::key("tenant", Text),
        Column::key("subject", Text),
        Column::key("number", Int),
        Column::replace("processing", Text),
        Column::replace("wording", Text),
        Column::replace("channel", Text),
        Column::replace("evidence", Text),
        Column::replace("staff", Text),
        Column::replace("said_at", Int),
    ],
};

/// A permission to see people in clear, as it is entered again.
pub(super) static MAY_REVEAL_ROW: Table = Table {
    name: "may_reveal",
    columns: &[Column::key("tenant", Text), Column::key("staff", Text), Column::replace("since", Int)],
};

/// What was decided about an account: how far its end has come follows from the stores.
pub(super) static CLOSURE_ROW: Table = Table {
    name: "closure",
    columns: &[
        Column::key("tenant", Text),
        Column::replace("closed_at", Int),
        Column::replace("closed_by", Text),
        Column::replace("reopened_at", Int),
        Column::replace("begun_at", Int),
    ],
};

/// That a merchant's books keep their detail, as it is entered again.
pub(super) static BOOKS_HELD_ROW: Table = Table {
    name: "books_held",
    columns: &[
        Column::key("tenant", Text),
        Column::replace("reason", Text),
        Column::replace("staff", Text),
        Column::replace("since", Int),
        Column::replace("until", Int),
    ],
};

/// A hold whole, as it is entered again.
pub(super) static HOLD_ROW: Table = Table {
    name: "hold",
    columns: &[
        Column::key("tenant", Text),
        Column::key("subject", Text),
        Column::key("reason", Text),
        Column::replace("staff", Text),
        Column::replace("since", Int),
        Column::replace("until", Int),
    ],
};
