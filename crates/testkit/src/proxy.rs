//! A small TCP proxy that stands between a client and a server, and misbehaves when it is told to: it is slow, cuts what is
//! open, or takes nothing at all. Its own address stays, whichever port the server comes back on.

use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use anyhow::Context;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;
use tokio::time::Instant;

/// Pieces on their way in one direction of a connection; who sends more waits.
const ON_THE_WAY: usize = 64;

/// What is done with connections.
#[derive(Debug, Clone, Default)]
struct Weather {
    /// Where the server is; None while it is away.
    server: Option<SocketAddr>,
    /// How much later everything arrives, in each direction.
    delay: Duration,
    /// Grows with each cut: connections from before it are reset.
    cuts: u64,
}

/// A listening proxy. It ends with this value.
#[derive(Debug)]
pub struct Proxy {
    address: SocketAddr,
    weather: watch::Sender<Weather>,
    listening: JoinHandle<()>,
}

impl Proxy {
    /// Listens on a free port of the loopback; passes nothing on until it is told where the server is.
    pub async fn listen() -> anyhow::Result<Proxy> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.context("no port for a proxy")?;
        let (weather, watching) = watch::channel(Weather::default());
        let address = listener.local_addr()?;
        let listening = tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                tokio::spawn(serve(client, watching.clone()));
            }
        });
        Ok(Proxy { address, weather, listening })
    }

    /// Where clients find it.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// From now on connections go to this server; None turns them away.
    pub fn to(&self, server: Option<SocketAddr>) {
        self.weather.send_modify(|weather| weather.server = server);
    }

    /// From now on everything arrives so much later.
    pub fn slow(&self, delay: Duration) {
        self.weather.send_modify(|weather| weather.delay = delay);
    }

    /// Resets every connection that is open.
    pub fn cut(&self) {
        self.weather.send_modify(|weather| weather.cuts += 1);
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.listening.abort();
        self.weather.send_modify(|weather| weather.cuts += 1);
    }
}

/// One connection, until either side ends it or it is cut. A connection that is dropped without a farewell is reset, so that
/// whoever waits on it hears of it at once.
async fn serve(client: TcpStream, mut weather: watch::Receiver<Weather>) {
    let Weather { server, cuts, .. } = weather.borrow_and_update().clone();
    let reset = |stream: &TcpStream| drop(stream.set_zero_linger());
    reset(&client);
    let Some(server) = server else { return };
    let Ok(server) = TcpStream::connect(server).await else { return };
    reset(&server);
    let ((from_client, to_client), (from_server, to_server)) = (client.into_split(), server.into_split());
    let (there, back) = (weather.clone(), weather.clone());
    tokio::select! {
        _ = weather.wait_for(|now| now.cuts != cuts) => {}
        () = pass(from_client, to_server, there) => {}
        () = pass(from_server, to_client, back) => {}
    }
}

/// Passes one direction on, each piece as late as the weather says when it comes in.
async fn pass(mut from: OwnedReadHalf, mut to: OwnedWriteHalf, weather: watch::Receiver<Weather>) {
    let (under_way, mut arriving) = mpsc::channel::<(Instant, Vec<u8>)>(ON_THE_WAY);
    let read = async move {
        let mut piece = vec![0; 64 * 1024];
        while let Ok(length @ 1..) = from.read(&mut piece).await {
            let due = Instant::now() + weather.borrow().delay;
            if under_way.send((due, piece.get(..length).unwrap_or_default().to_vec())).await.is_err() {
                break;
            }
        }
    };
    let write = async move {
        while let Some((due, piece)) = arriving.recv().await {
            tokio::time::sleep_until(due).await;
            if to.write_all(&piece).await.is_err() {
                break;
            }
        }
    };
    tokio::join!(read, write);
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A server that gives back what it gets.
    async fn echo() -> SocketAddr {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                tokio::spawn(async move {
                    let (mut from, mut to) = stream.split();
                    tokio::io::copy(&mut from, &mut to).await
                });
            }
        });
        address
    }

    async fn ask(stream: &mut TcpStream) -> std::io::Result<[u8; 4]> {
        stream.write_all(b"ping").await?;
        let mut answer = [0; 4];
        stream.read_exact(&mut answer).await?;
        Ok(answer)
    }

    #[tokio::test]
    async fn it_passes_delays_cuts_and_turns_away() {
        let proxy = Proxy::listen().await.unwrap();
        proxy.to(Some(echo().await));
        let mut stream = TcpStream::connect(proxy.address()).await.unwrap();
        assert_eq!(ask(&mut stream).await.unwrap(), *b"ping");

        let delay = Duration::from_millis(50);
        proxy.slow(delay);
        let asked = Instant::now();
        assert_eq!(ask(&mut stream).await.unwrap(), *b"ping");
        assert!(asked.elapsed() >= 2 * delay, "late in each direction");

        proxy.cut();
        assert!(ask(&mut stream).await.is_err());
        let mut anew = TcpStream::connect(proxy.address()).await.unwrap();
        assert_eq!(ask(&mut anew).await.unwrap(), *b"ping");
        proxy.to(None);
        let mut away = TcpStream::connect(proxy.address()).await.unwrap();
        assert!(ask(&mut away).await.is_err());
    }
}
