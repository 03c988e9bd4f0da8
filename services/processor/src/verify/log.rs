//! The log's own invariants: every record is intact, and the ledger topic tells the same chains as the journal.

use std::collections::BTreeMap;
use std::time::Duration;

use commerce::TenantId;
use event_log::{EventLog, ReadFrom};
use events::{Event, Payload, Topic};
use store::books::{Head, Relay};

use super::{Findings, Invariant};
use crate::ProcessError;

/// What one pass over the log found.
pub(super) struct Records {
    pub(super) intact: Invariant,
    /// The end of each chain as the ledger topic tells it.
    pub(super) chains: BTreeMap<TenantId, Head>,
}

/// Reads every topic from its start to where it ended when the pass began.
pub(super) async fn records(log: &EventLog, progress: &mut (dyn FnMut(u64) + Send)) -> Result<Records, ProcessError> {
    let mut findings = Findings::default();
    let mut counts = BTreeMap::new();
    let mut chains = BTreeMap::new();
    for topic in Topic::ALL {
        let (starts, ends) = (log.start_offsets(topic).await?, log.end_offsets(topic).await?);
        let from = |(partition, offset): (u32, &u64)| ReadFrom { topic, partition, offset: *offset };
        let from: Vec<ReadFrom> = (0..).zip(&starts).map(from).collect();
        let mut left: u64 = starts.iter().zip(&ends).map(|(start, end)| end.saturating_sub(*start)).sum();
        counts.insert(topic, left);
        let mut reader = log.reader(&from)?;
        while left > 0 {
            let batch = reader.next_batch(4_000, Duration::from_secs(5)).await?;
            let read = (batch.records.len() + batch.damaged.len()) as u64;
            if read == 0 {
                findings.add(topic.name(), format!("{left} records that should be there did not come"));
                break;
            }
            left = left.saturating_sub(read);
            progress(read);
            for damaged in batch.damaged {
                findings
                    .add(place(topic, damaged.position.partition, damaged.position.offset), damaged.reason.to_string());
            }
            for stored in batch.records {
                match Event::decode(&stored.record) {
                    Ok(event) => follow(&mut chains, event),
                    Err(error) => {
                        findings
                            .add(place(topic, stored.position.partition, stored.position.offset), error.to_string());
                    }
                }
            }
        }
    }
    let figures: Vec<String> = counts.iter().map(|(topic, count)| format!("{topic} {count}")).collect();
    let intact =
        Invariant { name: "every record on the log is intact", figures: figures.join(", "), findings: findings.0 };
    Ok(Records { intact, chains })
}

fn place(topic: Topic, partition: u32, offset: u64) -> String {
    format!("{topic}, partition {partition}, offset {offset}")
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
