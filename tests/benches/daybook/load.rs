//! The load generator: a process that sends requests made beforehand over connections kept open, one at a time on each,
//! and takes the time of every answer. Where it keeps a pace, a request's time counts from when it was due, so that waiting for a
//! connection counts too. It speaks just enough HTTP/1.1 to leave the machine to what is measured.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use anyhow::Context;
use serde::{Deserialize, Serialize};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::JoinSet;

use crate::child;

/// The hidden argument of the process that sends.
pub(crate) const CHILD: &str = "child-load";

/// The largest head of an answer that is expected, with its body.
const MOST_ANSWER: usize = 16 * 1024;

/// What to send where.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Order {
    pub(crate) address: SocketAddr,
    pub(crate) connections: usize,
    /// Requests one after the other, each after its length as four big-endian bytes.
    pub(crate) file: PathBuf,
    /// The first of the file to send.
    pub(crate) from: usize,
    pub(crate) count: usize,
    /// So many a second, whatever the answers do; as fast as they come if None.
    pub(crate) pace: Option<f64>,
}

/// How it went.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Answered {
    pub(crate) seconds: f64,
    pub(crate) p50_us: u32,
    pub(crate) p99_us: u32,
}

/// Sends what it was told to. Any answer but 200 ends it.
pub(crate) async fn child(order: &str) -> anyhow::Result<()> {
    let order: Order = serde_json::from_str(order)?;
    let requests = Arc::new(read(&order.file, order.from, order.count)?);
    let mut connections = Vec::new();
    for _ in 0..order.connections {
        connections.push(TcpStream::connect(order.address).await?);
    }
    let next = Arc::new(AtomicUsize::new(0));
    let mut sending = JoinSet::new();
    let started = Instant::now();
    for connection in connections {
        let due = order.pace.map(|pace| (started, pace));
        sending.spawn(send(connection, Arc::clone(&requests), Arc::clone(&next), due));
    }
    let mut took = Vec::with_capacity(order.count);
    while let Some(sent) = sending.join_next().await {
        took.extend(sent??);
    }
    let seconds = started.elapsed().as_secs_f64();
    took.sort_unstable();
    let nth = |percent: usize| took.get(took.len() * percent / 100).copied().context("nothing was sent");
    child::answer(&Answered { seconds, p50_us: nth(50)?, p99_us: nth(99)? })
}

pub(crate) fn read(file: &Path, from: usize, count: usize) -> anyhow::Result<Vec<Vec<u8>>> {
    let whole = std::fs::read(file)?;
    let (mut rest, mut requests) = (whole.as_slice(), Vec::with_capacity(count));
    for index in 0..from + count {
        let (length, after) = rest.split_first_chunk::<4>().context("the file has fewer requests")?;
        let length = usize::try_from(u32::from_be_bytes(*length))?;
        let (request, after) = after.split_at_checked(length).context("a torn request")?;
        if index >= from {
            requests.push(request.to_vec());
        }
        rest = after;
    }
    Ok(requests)
}

/// Takes the next request as long as there is one; gives each answer's time in microseconds.
async fn send(
    mut connection: TcpStream,
    requests: Arc<Vec<Vec<u8>>>,
    next: Arc<AtomicUsize>,
    due: Option<(Instant, f64)>,
) -> anyhow::Result<Vec<u32>> {
    connection.set_nodelay(true)?;
    let (mut took, mut buffer) = (Vec::new(), vec![0; MOST_ANSWER]);
    loop {
        let index = next.fetch_add(1, Ordering::Relaxed);
        let Some(request) = requests.get(index) else { break };
        let started = match due {
            None => Instant::now(),
            Some((from, pace)) => {
                let at = from + Duration::from_secs_f64(f64::from(u32::try_from(index)?) / pace);
                tokio::time::sleep_until(at.into()).await;
                at
            }
        };
        connection.write_all(request).await?;
        receive(&mut connection, &mut buffer).await?;
        took.push(u32::try_from(started.elapsed().as_micros())?);
    }
    Ok(took)
}

/// Reads one answer to its end.
async fn receive(connection: &mut TcpStream, buffer: &mut [u8]) -> anyhow::Result<()> {
    let mut filled = 0;
    loop {
        let room = buffer.get_mut(filled..).context("an answer too long")?;
        let read = connection.read(room).await?;
        anyhow::ensure!(read > 0, "the connection was closed");
        filled += read;
        let answer = buffer.get(..filled).unwrap_or_default();
        if let Some(length) = length(answer)? {
            anyhow::ensure!(filled <= length, "more than one answer");
            if filled == length {
                return Ok(());
            }
        }
    }
}

/// How long an answer is, head and body, once its head is complete.
fn length(answer: &[u8]) -> anyhow::Result<Option<usize>> {
    let Some(end) = answer.windows(4).position(|four| four == b"\r\n\r\n") else { return Ok(None) };
    let head = std::str::from_utf8(answer.get(..end).unwrap_or_default())?;
    anyhow::ensure!(head.starts_with("HTTP/1.1 200 "), "answered {:?}", head.lines().next());
    let mut fields = head.lines().filter_map(|line| line.split_once(':'));
    let body = fields.find(|(name, _)| name.eq_ignore_ascii_case("content-length"));
    let body = body.map(|(_, value)| value.trim().parse::<usize>());
    Ok(Some(end + 4 + body.transpose()?.unwrap_or(0)))
}
