//! The time when what is past its time goes: found out every so often, from what the key store says of the last one.

use std::time::Duration;

use ledger::Timestamp;
use store::books;
use store::keys::{Actor, KeyStore, KeyStoreError, NextPass, PASS_WITHIN, Restriction};
use tokio_util::sync::CancellationToken;

use crate::{Config, now, retention};

/// How often it is asked whether it is time.
const ASK_EVERY: Duration = Duration::from_secs(60);

/// How often it is said that it does not go.
const SAY_EVERY: Duration = Duration::from_secs(3_600);

pub(crate) async fn expire_often(config: &Config, shutdown: &CancellationToken) {
    let mut ticks = tokio::time::interval(ASK_EVERY);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    while shutdown.run_until_cancelled(ticks.tick()).await.is_some() {
        match time(&config.keys, now()).await {
            Ok(Time::ToGo) => expire_all(config).await,
            Ok(Time::NotYet) => {}
            Ok(Time::Doubtful) => ticks.reset_after(SAY_EVERY),
            Err(error) => tracing::warn!(%error, "what is past its time has not gone; trying again"),
        }
    }
}

/// What time it is, as far as this goes.
enum Time {
    NotYet,
    ToGo,
    /// Nothing ran for long, or the clock has jumped: somebody has to say that it is right.
    Doubtful,
}

/// Whether it is time, and may be; notes that it goes now.
async fn time(keys: &KeyStore, now: Timestamp) -> Result<Time, KeyStoreError> {
    if let NextPass::At(_) = keys.next_pass(now).await? {
        return Ok(Time::NotYet);
    }
    if !keys.may_expire(now, false).await? {
        tracing::error!(
            days = PASS_WITHIN,
            "nothing went that is past its time: it last did longer ago than this many days; if the clock is right, run \
             `daybook privacy retention apply --yes`"
        );
        return Ok(Time::Doubtful);
    }
    keys.begin_pass(now).await?;
    Ok(Time::ToGo)
}

async fn expire_all(config: &Config) {
    let tenants = match books::tenants(&config.db).await {
        Ok(tenants) => tenants,
        Err(error) => {
            tracing::warn!(%error, "what is past its time has not gone; it will in an hour");
            return;
        }
    };
    for row in tenants {
        // One that fails does not hold up the others.
        let gone = retention::expire_and_report(&config.keys, &config.log, &config.db, &row, &Actor::Daybook, now());
        match gone.await {
            Ok(gone) if gone == retention::Expired::default() => {}
            Ok(retention::Expired { erased, keys, quarantined, accesses, secrets, index_rows, replaced }) => {
                tracing::info!(
                    tenant = %row.tenant, erased, keys, quarantined, accesses, secrets, index_rows, replaced,
                    "what was past its time is gone"
                );
            }
            Err(error) => tracing::warn!(tenant = %row.tenant, %error, "not all that is past its time has gone"),
        }
        match config.keys.restrictions(&row.tenant, now()).await {
            Ok(restrictions) => remind(&row, &restrictions, now()),
            Err(error) => tracing::warn!(tenant = %row.tenant, %error, "restrictions could not be looked through"),
        }
    }
}

/// Says which restrictions go on only because nobody has told the person that theirs ends.
fn remind(row: &books::TenantRow, restrictions: &[Restriction], now: Timestamp) {
    let waiting = restrictions.iter().filter(|one| one.waits_for_telling(now)).count();
    if waiting > 0 {
        tracing::warn!(
            tenant = %row.tenant, waiting,
            "restrictions whose day has come stand on, because nobody has told the person: see `daybook privacy restrictions`"
        );
    }
}
