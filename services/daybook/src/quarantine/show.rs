//! One input in quarantine: where in it which kind of value stands, and never a value. To look opens its box, which is on record.

use anyhow::{Context, Result};
use serde::Serialize;
use store::books::{self, QuarantineRow};
use store::keys::{AccessBy, Actor, BoxRef, Field, KeyStore, OpenBoxError, Purpose, Shown};
use subject_keys::Opened;
use uuid::Uuid;

use super::outline::{Outline, outline};
use super::{Entry, QuarantineShow, entry, place};
use crate::config::Settings;
use crate::output::{Align, Answer, Table};
use crate::platform::{Platform, now};
use crate::tenant;

/// An entry with what its content looks like.
#[derive(Serialize)]
struct Shape {
    #[serde(flatten)]
    entry: Entry,
    content: Content,
}

/// What is to be seen of a content.
#[derive(Serialize)]
struct Content {
    /// `masked`, `erased`, `restricted` or `unreadable`.
    state: &'static str,
    #[serde(flatten)]
    outline: Option<Outline>,
}

/// Runs `daybook quarantine show`.
pub(super) async fn run(settings: &Settings, asked: &QuarantineShow) -> Result<Answer> {
    let platform = Platform::open(settings).await?;
    let row = tenant::chosen(&platform.db, &asked.of).await?;
    let found = books::quarantined(&platform.db, &row.tenant).await?.into_iter().find(|one| one.event == asked.id);
    let found = found.context("there is no such entry: `daybook quarantine list` shows their ids")?;
    let by = AccessBy {
        actor: asked.by.clone().map_or(Actor::Operator, Actor::Staff),
        purpose: asked.purpose.clone().unwrap_or_else(Purpose::look_up),
        request: Uuid::new_v4(),
        at: now(),
        shown: Shown::Masked,
        fields: &[Field::Body],
    };
    let shape = Shape { content: content(&platform.keys, &found, &by).await?, entry: entry(&found) };
    Ok(Answer::new(&shape, text(&shape)))
}

async fn content(keys: &KeyStore, row: &QuarantineRow, by: &AccessBy) -> Result<Content> {
    let nothing = |state| Content { state, outline: None };
    if row.sealed.is_empty() {
        return Ok(nothing("erased"));
    }
    let sealed = BoxRef {
        tenant: &row.tenant,
        subject: row.subject,
        event: row.event,
        label: ingest::QUARANTINE,
        sealed: &row.sealed,
    };
    Ok(match keys.open_box(sealed, by).await {
        Ok(Opened::Clear(body)) => Content { state: "masked", outline: Some(outline(&body)) },
        Ok(Opened::Erased) => nothing("erased"),
        Ok(Opened::Restricted) => nothing("restricted"),
        Err(OpenBoxError::Store(error)) => return Err(error.into()),
        Err(_) => nothing("unreadable"),
    })
}

fn text(shape: &Shape) -> String {
    let (one, mut table) = (&shape.entry, Table::plain([Align::Left, Align::Left]));
    let content = match (shape.content.state, &shape.content.outline) {
        ("masked", Some(outline)) => format!("{} bytes, {}", outline.bytes, outline.what()),
        (state, _) => format!("*{state}*"),
    };
    let rows = [
        ("id", one.id.clone()),
        ("received", one.received_at.clone()),
        ("from", one.origin.clone()),
        ("topic", one.topic.clone()),
        ("reason", one.reason.clone()),
        ("where and what", place(one)),
        ("content", content),
    ];
    for (name, value) in rows {
        table.row([name.to_owned(), value]);
    }
    let mut places = Table::plain([Align::Left, Align::Left, Align::Right]).indented(2);
    for field in shape.content.outline.iter().flat_map(|outline| &outline.fields) {
        let times = if field.times > 1 { format!("{} times", field.times) } else { String::new() };
        places.row([field.path.clone(), field.kinds.join(" or "), times]);
    }
    format!("{table}{places}")
}
