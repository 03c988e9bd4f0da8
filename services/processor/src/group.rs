//! The processes that fold into one database share its partitions: each projection's workers are a consumer group, named after
//! the projection and the database. Another database that folds the same log has groups of its own.

use std::time::Duration;

use event_log::{Deals, Membership};
use store::books::{self, Projection};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::{Context, ProcessError, now};

/// How long to wait for a database that is away before it is asked again.
const ASK_AGAIN: Duration = Duration::from_millis(500);

/// How often the gauges are set.
const WATCH_EVERY: Duration = Duration::from_secs(1);

/// This process as a member of every projection's group.
pub(crate) struct Group {
    members: Vec<(Projection, Membership)>,
}

impl Group {
    /// Joins the groups. Waits for a database that is away; None if told to stop before.
    pub(crate) async fn join(context: &Context, shutdown: &CancellationToken) -> Result<Option<Group>, ProcessError> {
        let database = loop {
            match books::identity(&context.db).await.map_err(ProcessError::from) {
                Err(error) if error.is_passing() => tracing::warn!(%error, "the database is waited for"),
                outcome => break outcome?,
            }
            tokio::select! { () = tokio::time::sleep(ASK_AGAIN) => {}, () = shutdown.cancelled() => return Ok(None) }
        };
        let join = |projection: Projection| {
            let group = format!("{}.{database}", projection.name());
            Ok((projection, context.log.member(&group, context.config.session)?))
        };
        Projection::ALL
            .into_iter()
            .map(join)
            .collect::<Result<_, ProcessError>>()
            .map(|members| Some(Group { members }))
    }

    /// What is dealt to this process, of each projection.
    pub(crate) fn deals(&self) -> Vec<(Projection, Deals)> {
        self.members.iter().map(|(projection, member)| (*projection, member.deals())).collect()
    }

    /// Leaves the groups, all at once, so that others take over at once.
    pub(crate) async fn leave(self) {
        let mut leaving: JoinSet<()> = self.members.into_iter().map(|(_, member)| member.leave()).collect();
        while leaving.join_next().await.is_some() {}
    }
}

/// Keeps the metrics of what is held and of how old what waits is, until told to stop.
pub(crate) async fn watch(
    context: Context,
    deals: Vec<(Projection, Deals)>,
    shutdown: CancellationToken,
) -> Result<(), ProcessError> {
    while !shutdown.is_cancelled() {
        for (projection, deals) in &deals {
            let labels = [("projection", projection.name())];
            metrics::gauge!("processor_partitions_held", &labels).set(u32::try_from(deals.held()).unwrap_or(u32::MAX));
            metrics::counter!("processor_rebalances_total", &labels).absolute(deals.dealt());
            metrics::gauge!("processor_age_seconds", &labels).set(context.behind.seconds(*projection, now()));
        }
        tokio::select! { () = tokio::time::sleep(WATCH_EVERY) => {}, () = shutdown.cancelled() => {} }
    }
    Ok(())
}
