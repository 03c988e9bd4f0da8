//! The end of a merchant's account, and the way back while there is one.

use anyhow::{Result, bail};
use ledger::Timestamp;
use store::books;
use store::keys::{ClosedBy, Reopened, RetentionClass};

use super::{find, parse};
use crate::cli::TenantClose;
use crate::config::Settings;
use crate::output::Answer;
use crate::platform::{Platform, now};

/// Runs `daybook tenant close`.
pub(super) async fn close(settings: &Settings, asked: &TenantClose) -> Result<Answer> {
    let platform = Platform::open(settings).await?;
    let row = find(&platform.db, &parse(&asked.name)?).await?;
    let closure = privacy::closure::close(&platform.keys, &platform.db, &row.tenant, ClosedBy::Operator, now()).await?;
    let since = books::closed_since(&platform.db, &row.tenant).await?.map(|at| at.to_string());
    let limits = platform.keys.retention(&row.tenant).await?;
    let days = limits.iter().find(|limit| limit.class == RetentionClass::Closed).map(|limit| limit.days.get());
    let goes = closure.closed_at.0.saturating_add(i64::from(days.unwrap_or_default()).saturating_mul(86_400_000_000));
    let goes = Timestamp(goes).to_string();
    tracing::info!(tenant = %row.tenant, "closed an account");
    let text = format!(
        "{0} is closed since {1}: its books take nothing any more, and webhooks are refused\n\
         everybody in it is erased after {goes}, by `daybook up` or `daybook privacy`; until then `daybook tenant reopen {0}` opens it \
         again. The books stay, and know nobody\n",
        row.tenant,
        since.as_deref().unwrap_or_default()
    );
    let json = serde_json::json!({ "tenant": row.tenant.as_str(), "closed_at": since, "erased_after": goes });
    Ok(Answer::new(&json, text))
}

/// Runs `daybook tenant reopen`.
pub(super) async fn reopen(settings: &Settings, asked: &TenantClose) -> Result<Answer> {
    let platform = Platform::open(settings).await?;
    let row = find(&platform.db, &parse(&asked.name)?).await?;
    let now = now();
    let changed = match platform.keys.reopen(&row.tenant, now).await? {
        Reopened::Now => true,
        Reopened::WasOpen => false,
        Reopened::TooLate => {
            bail!("too late: what is personal of {} has begun to go, which cannot be undone", row.tenant)
        }
    };
    books::reopen_tenant(&platform.db, &row.tenant, now).await?;
    tracing::info!(tenant = %row.tenant, changed, "opened an account again");
    let before = if changed { "" } else { "; it was not closed" };
    let text = format!("{} is open{before}\n", row.tenant);
    Ok(Answer::new(&serde_json::json!({ "tenant": row.tenant.as_str(), "open": true, "changed": changed }), text))
}
