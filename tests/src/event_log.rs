//! What the event log promises, as one suite that both back ends pass.

use std::collections::BTreeMap;
use std::time::Duration;

use commerce::TenantId;
use event_log::{
    AppendError, Batch, Damage, Damaged, EventLog, KafkaConfig, MAX_RECORD_BYTES, OpenLogError, Position, ReadError,
    ReadFrom, Reader, Stored,
};
use events::{Record, Topic};
use tokio::time::Instant;

const PARTITIONS: u32 = 4;

/// Long enough for any condition that a working log fulfils.
const DEADLINE: Duration = Duration::from_secs(30);

#[tokio::test(flavor = "multi_thread")]
async fn sqlite_conforms() {
    let folder = testkit::scratch();
    let path = folder.path().join("log.sqlite");
    conforms(async || EventLog::open_sqlite(&path, PARTITIONS).await.unwrap()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn kafka_conforms() {
    let config = kafka_config().await;
    conforms(async || EventLog::open_kafka(&config).await.unwrap()).await;
}

/// Each case uses tenants of its own and starts at the ends it finds, so all share one log.
async fn conforms(open: impl AsyncFn() -> EventLog) {
    let log = open().await;
    log.check().await.unwrap();
    assert_eq!(log.partitions(), PARTITIONS);
    assert_eq!(log.topics().await.unwrap(), Topic::ALL.map(|topic| (topic, PARTITIONS)));
    a_new_log_is_empty(&log).await;
    positions_and_records_come_back(&log).await;
    order_holds_across_batches(&log).await;
    a_reopened_log_continues(&log, &open).await;
    concurrent_appends_lose_nothing(&log).await;
    big_records_fit_and_too_big_ones_leave_nothing(&log).await;
    batches_are_bounded_in_bytes(&log).await;
    wrong_questions_are_refused(&log);
    a_reader_waits_at_the_end(&log).await;
    a_reader_waits_beyond_the_end(&log).await;
    a_cancelled_read_loses_nothing(&log).await;
    lag_counts_what_is_left(&log).await;
}

async fn a_new_log_is_empty(log: &EventLog) {
    for topic in Topic::ALL {
        assert_eq!(log.end_offsets(topic).await.unwrap(), [0; 4]);
        assert_eq!(log.start_offsets(topic).await.unwrap(), [0; 4]);
    }
    let mut reader = log.reader(&everything(log).await).unwrap();
    assert!(reader.next_batch(10, Duration::from_millis(100)).await.unwrap().is_empty());
    assert!(log.append(Vec::new()).await.unwrap().is_empty());
}

async fn positions_and_records_come_back(log: &EventLog) {
    let from = everything(log).await;
    let mut sent: Vec<Record> =
        (0..40).map(|n| record(Topic::ALL[n % Topic::ALL.len()], &format!("trip-{}", n % 9), n)).collect();
    sent.push(Record::sealed(Topic::Cod, tenant("trip-bare"), Vec::new(), Vec::new()));
    sent.push(Record::sealed(Topic::Cod, tenant("trip-empty"), vec![("ce_subject".into(), String::new())], vec![0; 3]));
    let positions = log.append(sent.clone()).await.unwrap();
    for (record, position) in sent.iter().zip(&positions) {
        assert_eq!((position.topic, position.partition), (record.topic, log.partition_of(&record.tenant)));
    }
    let read = read_count(&mut log.reader(&from).unwrap(), sent.len()).await;
    assert!(read.iter().all(|stored| stored.record.is_intact()));
    let sent: BTreeMap<_, _> = positions.into_iter().zip(sent).collect();
    assert_eq!(sent, read.into_iter().map(|stored| (stored.position, stored.record)).collect());
}

async fn order_holds_across_batches(log: &EventLog) {
    let from = everything(log).await;
    for batch in 0..20 {
        let records = (0..30).map(|n| record(Topic::Order, &format!("order-{}", n % 5), batch * 30 + n));
        let positions = log.append(records.collect()).await.unwrap();
        assert_eq!(positions.len(), 30);
    }
    let read = read_count(&mut log.reader(&from).unwrap(), 600).await;
    assert_offsets_follow(&from, &read);
    for (tenant, numbers) in numbers_by_tenant(&read) {
        assert_eq!(numbers.len(), 120, "{tenant}");
        assert!(numbers.is_sorted(), "{tenant}");
    }
}

async fn a_reopened_log_continues(log: &EventLog, open: &impl AsyncFn() -> EventLog) {
    let mut next = everything(log).await;
    log.append((0..50).map(|n| record(Topic::Shipment, &format!("again-{}", n % 3), n)).collect()).await.unwrap();
    let first = read_count_at_most(&mut log.reader(&next).unwrap(), 20, 20).await;
    advance(&mut next, &first);

    let reopened = open().await;
    let ends = log.end_offsets(Topic::Shipment).await.unwrap();
    assert_eq!(reopened.end_offsets(Topic::Shipment).await.unwrap(), ends);
    let rest = read_count(&mut reopened.reader(&next).unwrap(), 30).await;
    let mut numbers: Vec<usize> = first.iter().chain(&rest).map(number).collect();
    numbers.sort_unstable();
    assert_eq!(numbers, (0..50).collect::<Vec<_>>());

    let position = reopened.append(vec![record(Topic::Shipment, "again-0", 50)]).await.unwrap()[0];
    assert_eq!(position.offset, ends[position.partition as usize]);
}

async fn concurrent_appends_lose_nothing(log: &EventLog) {
    let from = everything(log).await;
    let tasks = (0..8).map(|task| {
        let log = log.clone();
        tokio::spawn(async move {
            // Two records a call, and all tasks write to one tenant, so batches meet in one partition.
            for n in (0..200).step_by(2) {
                let records = [n, n + 1].map(|n| record(Topic::Cod, "together", task * 1_000 + n));
                let positions = log.append(records.into()).await.unwrap();
                assert!(positions[0].offset < positions[1].offset);
            }
        })
    });
    for task in tasks.collect::<Vec<_>>() {
        task.await.unwrap();
    }
    let read = read_count(&mut log.reader(&from).unwrap(), 1_600).await;
    assert_offsets_follow(&from, &read);
    for task in 0..8 {
        let numbers: Vec<usize> = read.iter().map(number).filter(|number| number / 1_000 == task).collect();
        assert_eq!(numbers, (task * 1_000..task * 1_000 + 200).collect::<Vec<_>>());
    }
}

async fn big_records_fit_and_too_big_ones_leave_nothing(log: &EventLog) {
    let from = everything(log).await;
    // Bytes that do not compress.
    let mut state = 1_u32;
    let mut noise = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        state.to_be_bytes()[0]
    };
    let body: Vec<u8> = (0..5 * 1024 * 1024).map(|_| noise()).collect();
    let big = |body: Vec<u8>| Record::sealed(Topic::Quarantine, tenant("big"), Vec::new(), body);
    let sent = vec![big(body.clone()), record(Topic::Quarantine, "big", 1), big(body)];
    log.append(sent.clone()).await.unwrap();
    let read = read_count(&mut log.reader(&from).unwrap(), 3).await;
    assert!(read.iter().map(|stored| &stored.record).eq(&sent));

    let largest = big(vec![7; MAX_RECORD_BYTES - "big".len() - "db_crc32c".len() - 8]);
    log.append(vec![largest]).await.unwrap();
    let ends = log.end_offsets(Topic::Quarantine).await.unwrap();
    let refused = log.append(vec![record(Topic::Quarantine, "big", 2), big(vec![7; MAX_RECORD_BYTES])]).await;
    assert!(matches!(refused, Err(AppendError::TooLarge { index: 1 })));
    assert_eq!(log.end_offsets(Topic::Quarantine).await.unwrap(), ends);
}

/// Sizes in KiB, as they are sent; a record larger than the bound comes alone, and none is lost at the cut of two batches.
async fn batches_are_bounded_in_bytes(log: &EventLog) {
    const KIB: usize = 1024;
    let from = everything(log).await;
    let sizes = [300, 300, 300, 300, 1_500, 10, 10, 900, 200, 1_023, 2, 2_000, 2_000, 1];
    let sent = sizes.map(|kib| Record::sealed(Topic::Quarantine, tenant("bounded"), Vec::new(), vec![7; kib * KIB]));
    log.append(sent.to_vec()).await.unwrap();
    let mut reader = log.reader(&from).unwrap().with_batches_of(KIB * KIB);
    let (mut read, deadline) = (Vec::new(), Instant::now() + DEADLINE);
    while read.len() < sizes.len() && Instant::now() < deadline {
        let batch = reader.next_batch(1_000, Duration::from_secs(1)).await.unwrap().records;
        let bytes: usize = batch.iter().map(|stored| stored.record.body.len()).sum();
        assert!(bytes <= KIB * KIB || batch.len() == 1, "{} records of {bytes} bytes", batch.len());
        read.extend(batch);
    }
    assert!(read.iter().map(|stored| &stored.record).eq(&sent));
}

fn wrong_questions_are_refused(log: &EventLog) {
    let from = |partition, offset| ReadFrom { topic: Topic::Order, partition, offset };
    let missing = log.reader(&[from(PARTITIONS, 0)]).err().unwrap();
    assert!(matches!(missing, ReadError::NoSuchPartition { topic: Topic::Order, partition: PARTITIONS }));
    let twice = log.reader(&[from(0, 0), from(0, 5)]).err().unwrap();
    assert!(matches!(twice, ReadError::AskedTwice { topic: Topic::Order, partition: 0 }));
}

async fn a_reader_waits_at_the_end(log: &EventLog) {
    let from = everything(log).await;
    let mut reader = log.reader(&from).unwrap();
    assert!(reader.next_batch(10, Duration::from_millis(300)).await.unwrap().is_empty());

    let begun = Instant::now();
    let appended = log.append(vec![record(Topic::Privacy, "waiting", 1)]);
    let (batch, appended) = tokio::join!(reader.next_batch(10, DEADLINE), appended);
    assert!(begun.elapsed() < Duration::from_secs(5), "the reader did not wake");
    assert_eq!(batch.unwrap().records[0].position, appended.unwrap()[0]);
}

async fn a_reader_waits_beyond_the_end(log: &EventLog) {
    let partition = log.partition_of(&tenant("beyond"));
    let end = log.end_offsets(Topic::Ledger).await.unwrap()[partition as usize];
    let from = [ReadFrom { topic: Topic::Ledger, partition, offset: end + 3 }];
    let mut reader = log.reader(&from).unwrap();
    let mut append = async |numbers: std::ops::Range<usize>| {
        log.append(numbers.map(|n| record(Topic::Ledger, "beyond", n)).collect()).await.unwrap();
        reader.next_batch(10, Duration::from_millis(600)).await.unwrap()
    };
    assert!(append(0..0).await.is_empty());
    assert!(append(0..2).await.is_empty(), "records before the offset are not wanted");
    assert!(append(2..3).await.is_empty(), "the offset is the end now");
    let mut read = append(3..6).await.records;
    if read.len() < 3 {
        read.extend(read_count(&mut reader, 3 - read.len()).await);
    }
    assert_eq!(read.iter().map(number).collect::<Vec<_>>(), [3, 4, 5]);
    assert_offsets_follow(&from, &read);
}

async fn a_cancelled_read_loses_nothing(log: &EventLog) {
    let from = everything(log).await;
    let mut reader = log.reader(&from).unwrap();
    let writer = log.clone();
    let writing = tokio::spawn(async move {
        for n in 0..300 {
            writer.append(vec![record(Topic::Inventory, "cancelled", n)]).await.unwrap();
        }
    });
    let mut read = Vec::new();
    let deadline = Instant::now() + DEADLINE;
    while read.len() < 300 && Instant::now() < deadline {
        let patience = Duration::from_millis(1 + read.len() as u64 % 7);
        if let Ok(batch) = tokio::time::timeout(patience, reader.next_batch(5, DEADLINE)).await {
            read.extend(batch.unwrap().records);
        }
    }
    writing.await.unwrap();
    assert_eq!(read.iter().map(number).collect::<Vec<_>>(), (0..300).collect::<Vec<_>>());
}

async fn lag_counts_what_is_left(log: &EventLog) {
    let mut next = everything(log).await;
    assert_eq!(log.lag(&next).await.unwrap(), 0);
    log.append((0..9).map(|n| record(Topic::ALL[n % 3], &format!("lag-{n}"), n)).collect()).await.unwrap();
    assert_eq!(log.lag(&next).await.unwrap(), 9);
    let read = read_count_at_most(&mut log.reader(&next).unwrap(), 4, 4).await;
    advance(&mut next, &read);
    assert_eq!(log.lag(&next).await.unwrap(), 5);
    assert_eq!(log.lag(&[]).await.unwrap(), 0);
    next[0].offset += 100;
    assert!(log.lag(&next).await.unwrap() <= 5, "beyond the end nothing is left");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_keeps_its_partitions() {
    let folder = testkit::scratch();
    let path = folder.path().join("log.sqlite");
    assert!(matches!(EventLog::open_sqlite(&path, 0).await, Err(OpenLogError::Partitions { .. })));
    // Several processes may create the file at once.
    let opening = (1..=6).map(|partitions| {
        let path = path.clone();
        tokio::spawn(async move { EventLog::open_sqlite(&path, partitions).await.unwrap().partitions() })
    });
    let mut partitions = Vec::new();
    for open in opening.collect::<Vec<_>>() {
        partitions.push(open.await.unwrap());
    }
    assert!(partitions.iter().all(|n| *n == partitions[0]));
}

/// A caller that goes away must not leave a transaction open behind it, in which later records would vanish.
#[tokio::test(flavor = "multi_thread")]
async fn a_cancelled_append_is_all_or_nothing() {
    let folder = testkit::scratch();
    let path = folder.path().join("log.sqlite");
    let log = EventLog::open_sqlite(&path, 1).await.unwrap();
    for n in 0..60 {
        let batch = (0..10).map(|_| record(Topic::Order, "cancelled", n)).collect();
        let _ = tokio::time::timeout(Duration::from_micros(n as u64 * 50), log.append(batch)).await;
    }
    let position = log.append(vec![record(Topic::Order, "acknowledged", 1)]).await.unwrap()[0];
    let other = EventLog::open_sqlite(&path, 1).await.unwrap();
    assert_eq!(other.end_offsets(Topic::Order).await.unwrap(), [position.offset + 1]);
    let from = [ReadFrom { topic: Topic::Order, partition: 0, offset: 0 }];
    let count = usize::try_from(position.offset).unwrap() + 1;
    let read = read_count(&mut other.reader(&from).unwrap(), count).await;
    let mut counts = BTreeMap::<usize, usize>::new();
    for stored in read.iter().filter(|stored| stored.record.tenant == tenant("cancelled")) {
        *counts.entry(number(stored)).or_default() += 1;
    }
    assert!(counts.values().all(|count| *count == 10), "{counts:?}");
}

/// Two logs on one file stand for two processes: each sees what the other wrote, and no offset is given twice.
#[tokio::test(flavor = "multi_thread")]
async fn processes_share_a_file() {
    let folder = testkit::scratch();
    let path = folder.path().join("log.sqlite");
    let logs = [EventLog::open_sqlite(&path, 2).await.unwrap(), EventLog::open_sqlite(&path, 2).await.unwrap()];
    let from = everything(&logs[0]).await;
    let writing = logs.clone().map(|log| {
        tokio::spawn(async move {
            for n in 0..100 {
                log.append(vec![record(Topic::Order, "shared", n)]).await.unwrap();
            }
        })
    });
    for log in &logs {
        assert_offsets_follow(&from, &read_count(&mut log.reader(&from).unwrap(), 200).await);
    }
    for writer in writing {
        writer.await.unwrap();
    }
}

/// What a foreign or broken writer left must not stop the reader, nor vanish unseen.
#[tokio::test(flavor = "multi_thread")]
async fn damaged_records_take_their_offset_and_block_nothing() {
    let folder = testkit::scratch();
    let path = folder.path().join("log.sqlite");
    let log = EventLog::open_sqlite(&path, 2).await.unwrap();
    let home = log.partition_of(&tenant("sound"));
    let positions = log.append((0..5).map(|n| record(Topic::Cod, "sound", n)).collect()).await.unwrap();
    log.append(vec![record(Topic::Order, "sound", 9)]).await.unwrap();
    let file = sqlx::SqlitePool::connect(path.to_str().unwrap()).await.unwrap();
    for change in [
        "UPDATE record SET tenant = 'No Tenant' WHERE topic = 3 AND \"offset\" = 1",
        "UPDATE record SET headers = x'00000009' WHERE topic = 3 AND \"offset\" = 3",
        "UPDATE record SET \"partition\" = 1 - \"partition\" WHERE topic = 1",
    ] {
        sqlx::query(change).execute(&file).await.unwrap();
    }
    let from = [(Topic::Cod, home), (Topic::Order, 1 - home)];
    let from = from.map(|(topic, partition)| ReadFrom { topic, partition, offset: 0 });
    let batch = log.reader(&from).unwrap().next_batch(10, DEADLINE).await.unwrap();
    assert_eq!(batch.records.iter().map(number).collect::<Vec<_>>(), [0, 2, 4]);
    let foreign = Position { topic: Topic::Order, partition: 1 - home, offset: 0 };
    let damaged = [(positions[1], Damage::Key), (positions[3], Damage::Headers), (foreign, Damage::Partition)];
    assert_eq!(batch.damaged, damaged.map(|(position, reason)| Damaged { position, reason }));
}

async fn kafka_config() -> KafkaConfig {
    let kafka = testkit::kafka().await;
    KafkaConfig {
        brokers: kafka.brokers.clone(),
        topic_prefix: kafka.prefix(),
        partitions: PARTITIONS,
        replication: 1,
        request_timeout: DEADLINE,
    }
}

fn tenant(name: &str) -> TenantId {
    name.parse().unwrap()
}

/// A record that carries a number, by which the cases know it again.
fn record(topic: Topic, name: &str, number: usize) -> Record {
    let headers = vec![("ce_id".to_owned(), number.to_string()), ("ce_type".to_owned(), "test".to_owned())];
    Record::sealed(topic, tenant(name), headers, vec![42; number % 300])
}

fn number(stored: &Stored) -> usize {
    stored.record.header("ce_id").unwrap().parse().unwrap()
}

fn numbers_by_tenant(read: &[Stored]) -> BTreeMap<String, Vec<usize>> {
    let mut numbers = BTreeMap::<String, Vec<usize>>::new();
    for stored in read {
        numbers.entry(stored.record.tenant.to_string()).or_default().push(number(stored));
    }
    numbers
}

/// All partitions of all topics, from their present ends.
async fn everything(log: &EventLog) -> Vec<ReadFrom> {
    let mut from = Vec::new();
    for topic in Topic::ALL {
        let ends = log.end_offsets(topic).await.unwrap();
        from.extend(ends.into_iter().zip(0..).map(|(offset, partition)| ReadFrom { topic, partition, offset }));
    }
    from
}

/// Reads until that many records came, and makes sure that no more come.
async fn read_count(reader: &mut Reader, count: usize) -> Vec<Stored> {
    let read = read_count_at_most(reader, count, 1_000).await;
    let more = reader.next_batch(10, Duration::from_millis(50)).await.unwrap();
    assert_eq!(more, Batch::default(), "more than was written");
    read
}

async fn read_count_at_most(reader: &mut Reader, count: usize, max: usize) -> Vec<Stored> {
    let deadline = Instant::now() + DEADLINE;
    let mut read = Vec::new();
    while read.len() < count {
        assert!(Instant::now() < deadline, "{} of {count} records came", read.len());
        let batch = reader.next_batch(max.min(count - read.len()), Duration::from_secs(1)).await.unwrap();
        assert_eq!(batch.damaged, []);
        read.extend(batch.records);
    }
    read
}

fn advance(next: &mut [ReadFrom], read: &[Stored]) {
    for Stored { position: Position { topic, partition, offset }, .. } in read {
        let next = next.iter_mut().find(|next| (next.topic, next.partition) == (*topic, *partition)).unwrap();
        next.offset = offset + 1;
    }
}

/// Within each partition offsets start where they were asked to and have no gap.
fn assert_offsets_follow(from: &[ReadFrom], read: &[Stored]) {
    let mut next: BTreeMap<_, u64> = from.iter().map(|from| ((from.topic, from.partition), from.offset)).collect();
    for Stored { position, .. } in read {
        let next = next.get_mut(&(position.topic, position.partition)).unwrap();
        assert_eq!(position.offset, *next, "{position:?}");
        *next += 1;
    }
}
