//! Sealing and opening a box with a key that is ready, beside the raw cipher: AES-256-GCM of the same library for a content of
//! the same size, under random nonces of the same generator, with associated data of the same length. One thread; raw and ours
//! take turns in slices of a millisecond or so. Each slice of ours is compared with the one of raw just before it, and the median
//! of these shares counts: whatever else the machine does slows both of a pair.
//!
//! The raw side does the least that encrypts or decrypts: in place, in one buffer that is made once. Decrypting copies the
//! ciphertext there first, because a buffer is decrypted only once. What ours does beyond that:
//!
//! - sealing: the box in memory of its own, with header and commitment; padding to a multiple of 32 bytes, encrypted with the
//!   content; the associated data, put together in memory of its own; the count of the key's messages;
//! - opening: key id and commitment compared; the associated data; the content in memory of its own, its padding taken off and
//!   all of it wiped afterwards.
//!
//! Ours can come out quicker: the library is slow with an odd end, and a padded content has none.

use std::hint::black_box;
use std::time::Instant;

use aes_gcm::aead::inout::InOutBuf;
use aes_gcm::{AeadInOut, Aes256Gcm, KeyInit};
use anyhow::Context;
use subject_keys::{BoxContext, KeyId, PreparedKey, SubjectKey};
use uuid::Uuid;

use crate::report::{Measure, Report};

/// Bytes of a content: a phone number with its field's name, an address, an order's people, a body that nobody understood.
const SIZES: [usize; 4] = [64, 200, 1_000, 8_000];

/// The share of the raw rate that is asked for.
const FLOOR: f64 = 0.6;

/// Slices of each side.
const ROUNDS: usize = 301;

/// Messages of a slice.
const SLICE: u32 = 1_000;

const KEY: [u8; 32] = [7; 32];
const KEY_ID: KeyId = KeyId(Uuid::from_u128(0xA1));
const CONTEXT: BoxContext<'static> =
    BoxContext { tenant: "sample-shop", subject: Uuid::from_u128(0xB1), event: Uuid::from_u128(0xC1), label: "buyer" };

/// What a box's associated data is long: tenant, subject, event, label, key id and version, each behind its length in eight
/// bytes.
const ASSOCIATED: [u8; 6 * 8 + CONTEXT.tenant.len() + 16 + 16 + CONTEXT.label.len() + 16 + 1] = [0x5A; _];

/// Measures all sizes.
pub(crate) fn measure(report: &mut Report) -> anyhow::Result<()> {
    let (raw, ours) = (Aes256Gcm::new(&KEY.into()), SubjectKey::from_bytes(KEY).prepare());
    for size in SIZES {
        for (what, rates) in [("sealed", sealing(&raw, &ours, size)?), ("opened", opening(&raw, &ours, size)?)] {
            let measure = Measure::new(format!("sealing: {what}, {size} bytes"), rates.ours, "boxes/s");
            report.add(measure.against(rates.raw).share_at_least(rates.share, FLOOR));
        }
    }
    Ok(())
}

/// Messages a second of either side, and ours as a share of raw; medians, each by itself.
struct Rates {
    raw: f64,
    ours: f64,
    share: f64,
}

fn sealing(raw: &Aes256Gcm, ours: &PreparedKey, size: usize) -> anyhow::Result<Rates> {
    let (content, mut buffer) = (vec![b'x'; size], vec![b'x'; size]);
    let encrypt = || {
        let mut nonce = [0; 12];
        rand::fill(&mut nonce);
        let buffer = InOutBuf::from(black_box(buffer.as_mut_slice()));
        black_box(raw.encrypt_inout_detached(&nonce.into(), black_box(&ASSOCIATED), buffer)).is_ok()
    };
    let seal = || {
        let random = &mut |bytes: &mut [u8]| rand::fill(bytes);
        black_box(ours.seal(KEY_ID, black_box(&CONTEXT), black_box(&content), random)).is_ok()
    };
    in_turns(encrypt, seal)
}

fn opening(raw: &Aes256Gcm, ours: &PreparedKey, size: usize) -> anyhow::Result<Rates> {
    let content = vec![b'x'; size];
    let sealed = ours.seal(KEY_ID, &CONTEXT, &content, &mut |bytes: &mut [u8]| rand::fill(bytes))?;
    let (nonce, mut ciphertext) = ([1; 12], content.clone());
    let encrypted = raw.encrypt_inout_detached(&nonce.into(), &ASSOCIATED, InOutBuf::from(ciphertext.as_mut_slice()));
    let tag = encrypted.ok().context("the raw cipher encrypts")?;
    let mut buffer = vec![0; size];
    let decrypt = || {
        buffer.copy_from_slice(black_box(&ciphertext));
        let buffer = InOutBuf::from(black_box(buffer.as_mut_slice()));
        black_box(raw.decrypt_inout_detached(&nonce.into(), black_box(&ASSOCIATED), buffer, &tag)).is_ok()
    };
    let open = || black_box(ours.open(KEY_ID, black_box(&CONTEXT), black_box(&sealed))).is_ok();
    in_turns(decrypt, open)
}

fn in_turns(mut raw: impl FnMut() -> bool, mut ours: impl FnMut() -> bool) -> anyhow::Result<Rates> {
    let (mut of_raw, mut of_ours) = (Vec::with_capacity(ROUNDS), Vec::with_capacity(ROUNDS));
    for _ in 0..ROUNDS {
        of_raw.push(rate(&mut raw)?);
        of_ours.push(rate(&mut ours)?);
    }
    let shares = of_ours.iter().zip(&of_raw).map(|(ours, raw)| ours / raw).collect();
    Ok(Rates { raw: median(of_raw)?, ours: median(of_ours)?, share: median(shares)? })
}

/// How often a second `work` was done in one slice. It says each time whether it went well.
fn rate(mut work: impl FnMut() -> bool) -> anyhow::Result<f64> {
    let (mut well, started) = (true, Instant::now());
    for _ in 0..SLICE {
        well &= work();
    }
    let seconds = started.elapsed().as_secs_f64();
    anyhow::ensure!(well, "a message was refused");
    Ok(f64::from(SLICE) / seconds)
}

fn median(mut rates: Vec<f64>) -> anyhow::Result<f64> {
    rates.sort_by(f64::total_cmp);
    rates.get(rates.len() / 2).copied().context("nothing was measured")
}
