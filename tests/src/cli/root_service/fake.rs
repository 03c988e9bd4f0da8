//! What both fake services have in common: a listener on loopback, ciphers under keys of their own, and refusals on request.

use std::collections::VecDeque;
use std::future::pending;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex};

use aes_gcm::Aes256Gcm;
use aes_gcm::aead::{Aead, KeyInit, Payload};
use axum::Router;
use axum::body::Bytes;
use axum::http::{HeaderMap, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

/// What a service answers in the place of its usual answer.
#[derive(Clone, Copy, Debug)]
pub(super) enum Fault {
    /// This status and body.
    Answer(u16, &'static str),
    /// Nothing, for ever.
    Silence,
}

/// A request to a service: its path or operation, headers and body.
pub(super) struct Asked {
    pub(super) path: String,
    pub(super) headers: HeaderMap,
    pub(super) body: Bytes,
}

/// What a service does with a request when nothing is wrong with it.
pub(super) type Serve = fn(&Script, &Asked) -> (u16, String);

/// What happened at a service, and what is to happen.
#[derive(Default)]
pub(super) struct Script {
    faults: Mutex<VecDeque<(&'static str, Fault)>>,
    /// Every request's path or operation.
    calls: Mutex<Vec<String>>,
    /// Everything it was given to seal, decoded.
    sealed: Mutex<Vec<Vec<u8>>>,
}

/// A running service. Dropping it ends it.
pub(super) struct Fake {
    address: SocketAddr,
    script: Arc<Script>,
    serving: JoinHandle<()>,
}

impl Fake {
    pub(super) async fn start(serve: Serve) -> Fake {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let (address, script) = (listener.local_addr().unwrap(), Arc::new(Script::default()));
        let told = Arc::clone(&script);
        let answer = move |uri: Uri, headers: HeaderMap, body: Bytes| {
            let script = Arc::clone(&told);
            async move { script.answer(serve, Asked { path: path(&uri, &headers), headers, body }).await }
        };
        let serving = tokio::spawn(async move { axum::serve(listener, Router::new().fallback(answer)).await.unwrap() });
        Fake { address, script, serving }
    }

    pub(super) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Answers the next so many requests whose path ends so with this fault.
    pub(super) fn fail(&self, ending: &'static str, fault: Fault, times: usize) {
        self.script.faults.lock().unwrap().extend([(ending, fault)].repeat(times));
    }

    /// Is well again. Answers how many faults were not asked for.
    pub(super) fn recover(&self) -> usize {
        self.script.faults.lock().unwrap().drain(..).count()
    }

    pub(super) fn calls(&self) -> usize {
        self.script.calls.lock().unwrap().len()
    }

    /// Everything it was given to seal.
    pub(super) fn sealed(&self) -> Vec<Vec<u8>> {
        self.script.sealed.lock().unwrap().clone()
    }
}

impl Drop for Fake {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

/// KMS has one path, and names what is asked in a header.
fn path(uri: &Uri, headers: &HeaderMap) -> String {
    headers.get("x-amz-target").map_or_else(|| uri.path().to_owned(), |target| target.to_str().unwrap().to_owned())
}

impl Script {
    async fn answer(&self, serve: Serve, asked: Asked) -> Response {
        self.calls.lock().unwrap().push(asked.path.clone());
        let (status, body) = match self.fault(&asked.path) {
            None => serve(self, &asked),
            Some(Fault::Answer(status, body)) => (status, body.to_owned()),
            Some(Fault::Silence) => pending().await,
        };
        (StatusCode::from_u16(status).unwrap(), [("content-type", "application/json")], body).into_response()
    }

    fn fault(&self, path: &str) -> Option<Fault> {
        let mut faults = self.faults.lock().unwrap();
        let next = faults.iter().position(|(ending, _)| path.ends_with(ending))?;
        faults.remove(next).map(|(_, fault)| fault)
    }

    /// Encrypts under the key of that name, bound to `purpose`.
    pub(super) fn seal(&self, name: &str, purpose: &[u8], plain: &[u8]) -> Vec<u8> {
        self.sealed.lock().unwrap().push(plain.to_vec());
        let nonce: [u8; 12] = rand::random();
        let sealed = cipher(name).encrypt(&nonce.into(), Payload { msg: plain, aad: purpose }).unwrap();
        [&nonce[..], &sealed].concat()
    }

    pub(super) fn open(&self, name: &str, purpose: &[u8], sealed: &[u8]) -> Option<Vec<u8>> {
        let (nonce, sealed) = sealed.split_at_checked(12)?;
        let nonce: [u8; 12] = nonce.try_into().ok()?;
        cipher(name).decrypt(&nonce.into(), Payload { msg: sealed, aad: purpose }).ok()
    }
}

/// Each name is a key of its own.
fn cipher(name: &str) -> Aes256Gcm {
    let mut key = [7; 32];
    for (place, byte) in name.bytes().enumerate() {
        key[place % 32] ^= byte.rotate_left(u32::try_from(place % 8).unwrap());
    }
    Aes256Gcm::new(&key.into())
}
