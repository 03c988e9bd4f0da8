//! Rotation: an epoch begins, and everything that lives moves to it. Measured at several sizes of key store, each filled as
//! ingest fills it: people with a phone and an order, a key each. Three rotations follow each other, because an index page is
//! put in another's place now and then, and not by the first; the slowest counts.

use std::time::Instant;

use anyhow::Context;
use commerce::TenantId;
use ledger::Timestamp;
use store::keys::{IdentityHint, IdentityKind, KeyStore, Month, Moved, PersonRef};

use crate::place::{Fresh, Kind};
use crate::report::{Measure, Report};

/// From how many living keys on a time is asked for, and which, in seconds.
const MANY: u32 = 1_000_000;
const WITHIN: f64 = 60.0;

const ROTATIONS: i64 = 3;

/// Shops that the people are of.
const SHOPS: u32 = 8;

/// People resolved at once.
const BATCH: u32 = 8_000;

const A_DAY: i64 = 86_400_000_000;

/// Measures one back end with so many living keys, and then so many. They are added to one key store.
pub(crate) async fn measure(kind: Kind, sizes: &[u32], report: &mut Report) -> anyhow::Result<()> {
    let fresh = Fresh::new(kind).await;
    let keys = fresh.key_store().await?;
    let (mut there, mut day) = (0, 0);
    for size in sizes {
        let started = Instant::now();
        for from in (there..*size).step_by(BATCH as usize) {
            keys.resolve((from..size.min(&(from + BATCH)).to_owned()).map(person).collect::<anyhow::Result<_>>()?)
                .await?;
        }
        there = there.max(*size);
        eprintln!("rotation, {}: {there} keys, filled in {:.1} s", kind.name(), started.elapsed().as_secs_f64());
        let mut slowest: Option<(f64, Moved)> = None;
        for _ in 0..ROTATIONS {
            day += 1;
            let (seconds, moved) = rotate(&keys, Timestamp(day * A_DAY)).await?;
            eprintln!("rotation, {}: {seconds:.2} s, {moved:?}", kind.name());
            slowest = slowest.filter(|(most, _)| *most > seconds).or(Some((seconds, moved)));
        }
        tell(kind, *size, slowest.context("no rotation")?, report)?;
    }
    Ok(())
}

fn tell(kind: Kind, size: u32, (seconds, moved): (f64, Moved), report: &mut Report) -> anyhow::Result<()> {
    let name = |what: &str| format!("rotation, {}, {} k keys: {what}", kind.name(), size / 1_000);
    let count = |count: u64| anyhow::Ok(f64::from(u32::try_from(count)?));
    let whole = Measure::new(name("whole"), seconds, "s");
    report.add(if size >= MANY { whole.at_most(WITHIN) } else { whole });
    let pages = moved.pages + moved.index_pages + moved.left_index_pages;
    report.add(Measure::new(name("pages"), count(pages)?, "pages"));
    report.add(Measure::new(name("keys touched"), count(moved.keys)?, "keys"));
    report.add(Measure::new(name("a page"), seconds * 1_000.0 / count(pages)?, "ms"));
    Ok(())
}

async fn rotate(keys: &KeyStore, at: Timestamp) -> anyhow::Result<(f64, Moved)> {
    let started = Instant::now();
    keys.begin_epoch(at, None).await?.context("an epoch began")?;
    let moved = keys.rewrap(|_| {}).await?;
    let seconds = started.elapsed().as_secs_f64();
    let behind: i64 = keys.epochs().await?.iter().filter(|one| one.retired_at.is_some()).map(|one| one.pages).sum();
    anyhow::ensure!(behind == 0 && moved.damaged == 0, "everything moved");
    Ok((seconds, moved))
}

fn person(number: u32) -> anyhow::Result<PersonRef> {
    let tenant: TenantId = format!("shop-{}", number % SHOPS).parse().ok().context("a tenant's name")?;
    let hint = |kind, text: String| IdentityHint { kind, value: text.into() };
    let identities =
        vec![hint(IdentityKind::Phone, format!("+9230{number:08}")), hint(IdentityKind::Order, number.to_string())];
    Ok(PersonRef { tenant, identities, month: Month::of(Timestamp(0)), at: Timestamp(0) })
}
