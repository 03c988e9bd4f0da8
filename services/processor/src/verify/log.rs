//! The log's own invariants: every record is intact, and the ledger topic tells the same chains as the journal.
//! A rebuild asks the first of them before it drops anything.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use commerce::TenantId;
use event_log::{Batch, EventLog, Position, ReadFrom};
use events::{Event, Payload, Topic};
use store::books::{Checkpoint, Head, QuarantineKey, Relay};

use super::alerts::Alerts;
use super::{Findings, Invariant};
use crate::ProcessError;

/// What one pass over the log found.
pub(super) struct Records {
    pub(super) intact: Invariant,
    /// The end of each chain as the ledger topic tells it.
    pub(super) chains: BTreeMap<TenantId, Head>,
    /// What the log says is in quarantine, as far as the read model has folded it.
    pub(super) quarantined: BTreeSet<QuarantineKey>,
    /// What the alert topic says of each item and location.
    pub(super) alerts: Alerts,
}

/// What a scan meets.
pub(crate) enum Seen {
    /// A record that reads as an event.
    Event(Position, Event),
    /// A record that does not, and why.
    Unreadable(Position, String),
    /// So many records of the topic should be there and did not come.
    Missing(Topic, u64),
}

/// Reads topics from their starts to where each ended when its turn came, and says how many records each has. `progress`
/// hears after every batch how many were read.
pub(crate) async fn scan(
    log: &EventLog,
    topics: &[Topic],
    progress: &mut (dyn FnMut(u64) + Send),
    look: &mut (dyn FnMut(Seen) + Send),
) -> Result<BTreeMap<Topic, u64>, ProcessError> {
    let mut counts = BTreeMap::new();
    for topic in topics {
        let (starts, ends) = (log.start_offsets(*topic).await?, log.end_offsets(*topic).await?);
        let from = |(partition, offset): (u32, &u64)| ReadFrom { topic: *topic, partition, offset: *offset };
        let from: Vec<ReadFrom> = (0..).zip(&starts).map(from).collect();
        let mut left: u64 = starts.iter().zip(&ends).map(|(start, end)| end.saturating_sub(*start)).sum();
        counts.insert(*topic, left);
        let mut reader = log.reader(&from)?;
        while left > 0 {
            let batch = reader.next_batch(4_000, Duration::from_secs(5)).await?;
            let read = (batch.records.len() + batch.damaged.len()) as u64;
            if read == 0 {
                look(Seen::Missing(*topic, left));
                break;
            }
            left = left.saturating_sub(read);
            progress(read);
            for seen in decoded(batch) {
                look(seen);
            }
        }
    }
    Ok(counts)
}

fn decoded(batch: Batch) -> impl Iterator<Item = Seen> {
    let damaged = batch.damaged.into_iter().map(|one| Seen::Unreadable(one.position, one.reason.to_string()));
    let records = batch.records.into_iter().map(|stored| match Event::decode(&stored.record) {
        Ok(event) => Seen::Event(stored.position, event),
        Err(error) => Seen::Unreadable(stored.position, error.to_string()),
    });
    damaged.chain(records)
}

/// Reads every topic. `folded` are the checkpoints of the list of what is in quarantine.
pub(super) async fn records(
    log: &EventLog,
    folded: &BTreeMap<u32, Checkpoint>,
    progress: &mut (dyn FnMut(u64) + Send),
) -> Result<Records, ProcessError> {
    let (mut findings, mut chains, mut inputs) = (Findings::default(), BTreeMap::new(), Inputs::default());
    let mut alerts = Alerts::default();
    let counts = scan(log, &Topic::ALL, progress, &mut |seen| match seen {
        Seen::Event(position, event) => {
            if is_folded(folded, position) {
                inputs.note(&event);
            }
            alerts.note(&event);
            follow(&mut chains, event);
        }
        Seen::Unreadable(position, problem) => findings.add(place(position), problem),
        Seen::Missing(topic, left) => {
            findings.add(topic.name(), format!("{left} records that should be there did not come"));
        }
    })
    .await?;
    let figures: Vec<String> = counts.iter().map(|(topic, count)| format!("{topic} {count}")).collect();
    let intact =
        Invariant { name: "every record on the log is intact", figures: figures.join(", "), findings: findings.0 };
    Ok(Records { intact, chains, quarantined: inputs.waiting(), alerts })
}

fn place(position: Position) -> String {
    let Position { topic, partition, offset } = position;
    format!("{topic}, partition {partition}, offset {offset}")
}

fn is_folded(folded: &BTreeMap<u32, Checkpoint>, position: Position) -> bool {
    let next = folded.get(&position.partition).and_then(|checkpoint| checkpoint.offsets.get(&position.topic));
    next.is_some_and(|next| position.offset < *next)
}

/// What came into quarantine and what has left it. Ids only, and of one small topic: the same input may be on it often.
#[derive(Default)]
struct Inputs {
    came: BTreeSet<QuarantineKey>,
    left: BTreeSet<QuarantineKey>,
}

impl Inputs {
    fn note(&mut self, event: &Event) {
        match &event.payload {
            Payload::Quarantined(_) => self.came.insert((event.tenant.clone(), event.id)),
            Payload::Redriven { event: input, .. } => self.left.insert((event.tenant.clone(), *input)),
            _ => false,
        };
    }

    fn waiting(self) -> BTreeSet<QuarantineKey> {
        self.came.difference(&self.left).cloned().collect()
    }
}

/// Follows a chain over the topic; what the relay repeated is passed by.
fn follow(chains: &mut BTreeMap<TenantId, Head>, event: Event) {
    let Payload::Posted(posted) = event.payload else { return };
    let end = chains.entry(event.tenant).or_insert(Head::GENESIS);
    if posted.number == end.number.saturating_add(1) && posted.previous == end.link {
        *end = Head { number: posted.number, link: end.link.then(&events::posted_bytes(&posted)) };
    }
}

/// Compares the topic's chains with the journal's. While the relay has something to publish, the topic may end earlier.
pub(super) fn relayed(
    log: &EventLog,
    chains: BTreeMap<TenantId, Head>,
    heads: &BTreeMap<TenantId, Head>,
    relays: &BTreeMap<u32, Relay>,
) -> Invariant {
    let mut findings = Findings::default();
    let waiting: u64 = relays.values().map(|relay| relay.position.saturating_sub(relay.relayed)).sum();
    for (tenant, head) in heads {
        let told = chains.get(tenant).copied().unwrap_or(Head::GENESIS);
        let relay = relays.get(&log.partition_of(tenant)).copied().unwrap_or_default();
        if relay.position == relay.relayed && told != *head {
            let problem = format!("the topic's chain ends at number {}, the journal's at {}", told.number, head.number);
            findings.add(format!("ledger topic, {tenant}"), problem);
        }
    }
    Invariant {
        name: "the ledger topic tells what the journal holds",
        figures: format!("{} chains, {waiting} transactions waiting to be published", heads.len()),
        findings: findings.0,
    }
}
