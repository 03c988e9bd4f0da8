//! How many messages one key may encrypt, and who counts them.
//!
//! Nonces are random numbers of 96 bits. Among n messages under one key the chance that two share a nonce is about
//! n²/2⁹⁷, and two that do give their content away and let others forge. NIST SP 800-38D, section 8.3, allows random
//! nonces for 2³² messages a key, where that chance is 2⁻³³. So a nonce is to be had here only, and it is counted.
//!
//! **Where it stops.** No process can know what the others encrypt without asking a database for every box. Each counts for
//! itself and stops at 2²⁶ = 67,108,864 ([`MOST_MESSAGES`]): sixty-four processes, or one that was started sixty-four times,
//! must each have reached their limit before one key has encrypted 2³² messages together. What is refused can be tried
//! again in another process or after a restart, but look first at what seals so much for one person.
//!
//! **What is counted is the key**, not the object that holds it: a key that a cache forgets and unwraps again goes on where
//! it was. The count stands in a table of this process, at the place that a fingerprint of the key names. Two keys that fall
//! on one place are counted together and stop earlier, never later; at 10,000 messages a second over all keys it takes
//! more than ten years until a place is full of other keys' messages.
//!
//! **How far away it is.**
//!
//! | key | encrypts | in one process |
//! | --- | --- | --- |
//! | subject | the boxes of one person and month | hundreds, rarely thousands |
//! | subject, of an input that nobody understood | that one body, as often as it is sent again | a few |
//! | page | about a thousand subject keys | as many, and as often again as a transaction is repeated |
//! | index page | about a hundred identities of one tenant | as many, and as often again as a transaction is repeated |
//! | epoch | pages, index pages and tenants' index keys | a few for a hundred people, one for a tenant |
//! | root | epochs and webhook secrets | one a day, two for a tenant |

use std::sync::atomic::{AtomicU64, Ordering};

use crate::hazmat::{NONCE_LEN, Nonce};

/// Messages that one process encrypts under one key: a sixty-fourth of the 2³² that all may encrypt together.
pub const MOST_MESSAGES: u64 = 1 << 26;

/// Places of the table: half a mebibyte, of which the system provides what is touched.
const PLACES: usize = 1 << 16;

/// 64 bits, because refused attempts are counted too and must never come round to zero.
static COUNTS: [AtomicU64; PLACES] = [const { AtomicU64::new(0) }; PLACES];

/// This process has encrypted as many messages under this key as it may; nothing was encrypted. Trying again here cannot
/// help, another process still may. No use that this software was made for comes near: find out what repeats itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("this process has encrypted {MOST_MESSAGES} messages under one key, which is as many as it may")]
pub struct Exhausted;

/// The count of the messages that this process encrypted under one key.
#[derive(Clone, Copy)]
pub(crate) struct Messages(&'static AtomicU64);

impl Messages {
    /// The count of the key with this fingerprint: bytes that follow from the key alone, are spread evenly, and do not
    /// tell it.
    pub(crate) fn of(fingerprint: &[u8; 32]) -> Messages {
        let [high, low, ..] = fingerprint;
        Messages(&COUNTS[usize::from(u16::from_be_bytes([*high, *low]))])
    }

    /// Draws the nonce of one more message, or refuses it.
    pub(crate) fn nonce(self, rng: &mut impl FnMut(&mut [u8])) -> Result<FreshNonce, Exhausted> {
        // Relaxed is enough: threads must agree on this number alone, and on the order of nothing else.
        if self.0.fetch_add(1, Ordering::Relaxed) >= MOST_MESSAGES {
            return Err(Exhausted);
        }
        let mut nonce = [0; NONCE_LEN];
        rng(&mut nonce);
        Ok(FreshNonce(nonce))
    }

    /// Makes it as if this many messages had been encrypted.
    #[cfg(test)]
    pub(crate) fn skip_to(self, count: u64) {
        self.0.store(count, Ordering::Relaxed);
    }
}

/// A nonce that was counted and has not been used: encrypting takes it away, so it encrypts once.
pub(crate) struct FreshNonce(Nonce);

impl FreshNonce {
    /// What is written beside the ciphertext.
    pub(crate) fn bytes(&self) -> &Nonce {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn draw(messages: Messages) -> Option<Nonce> {
        messages.nonce(&mut |bytes: &mut [u8]| bytes.fill(7)).ok().map(|nonce| *nonce.bytes())
    }

    #[test]
    fn the_last_message_is_taken_and_the_next_is_not_and_none_after_it() {
        let messages = Messages::of(&[0xC1; 32]);
        messages.skip_to(MOST_MESSAGES - 2);
        let drawn: Vec<Option<Nonce>> = (0..5).map(|_| draw(messages)).collect();
        assert_eq!(drawn, [Some([7; 12]), Some([7; 12]), None, None, None]);
    }

    #[test]
    fn what_is_refused_draws_nothing() {
        let messages = Messages::of(&[0xC2; 32]);
        messages.skip_to(MOST_MESSAGES);
        let refused = messages.nonce(&mut |_: &mut [u8]| panic!("a nonce was drawn for nothing"));
        assert_eq!(refused.err(), Some(Exhausted));
    }

    #[test]
    fn threads_share_one_count() {
        let messages = Messages::of(&[0xC3; 32]);
        messages.skip_to(MOST_MESSAGES - 1_000);
        let taken = || (0..500).filter(|_| draw(messages).is_some()).count();
        let threads: Vec<_> = std::thread::scope(|scope| {
            let running: Vec<_> = (0..4).map(|_| scope.spawn(taken)).collect();
            running.into_iter().map(|thread| thread.join().unwrap()).collect()
        });
        assert_eq!(threads.iter().sum::<usize>(), 1_000);
    }

    #[test]
    fn a_key_that_is_loaded_again_goes_on_where_it_was_and_another_begins() {
        Messages::of(&[0xC4; 32]).skip_to(MOST_MESSAGES);
        assert_eq!(draw(Messages::of(&[0xC4; 32])), None);
        assert!(draw(Messages::of(&[0xC5; 32])).is_some());
    }

    /// The limit, and how many processes may reach it, give what NIST SP 800-38D allows.
    #[test]
    fn sixty_four_processes_at_their_limit_stay_within_what_one_key_may_encrypt() {
        assert_eq!(MOST_MESSAGES * 64, 1 << 32);
    }
}
