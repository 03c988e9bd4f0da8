//! The space of tags, and how pages share it. Pure.
//!
//! Tags are spread evenly, because they are HMACs. A page has a stretch of them: all that begin with the same bits. A
//! stretch with too many tags is cut in sixteen by the next four bits, and so on, so the pages of a tenant always cover the
//! whole space, each tag once. In sixteen, because all that lies on a page is written anew when it is cut: each tag about once
//! before its page is full again, where halves would have it twice.

use std::collections::BTreeMap;

use super::super::identity::Blind;

/// Identities on one page, at most.
pub(super) const ROOM: usize = 128;

/// By how many bits a full page is cut.
const BITS_AT_ONCE: u32 = 4;

/// The bits of a tag that a number holds which both databases store, and sort alike.
const BITS: u32 = 63;

/// All tags that begin with the same bits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Stretch {
    /// The number of its first tag.
    pub(super) begins: i64,
    /// How many bits its tags have in common.
    pub(super) bits: u32,
}

/// The first 63 bits of a tag.
pub(super) fn number(tag: &Blind) -> i64 {
    let [a, b, c, d, e, f, g, h, ..] = *tag;
    (u64::from_be_bytes([a, b, c, d, e, f, g, h]) >> 1).cast_signed()
}

impl Stretch {
    /// Every tag.
    pub(super) const WHOLE: Stretch = Stretch { begins: 0, bits: 0 };

    /// Whether a tag with this number belongs to it.
    pub(super) fn covers(self, number: i64) -> bool {
        let rest = BITS.saturating_sub(self.bits);
        (number ^ self.begins).checked_shr(rest).unwrap_or(0) == 0
    }

    fn halves(self) -> Option<[Stretch; 2]> {
        let bit = BITS.checked_sub(self.bits)?.checked_sub(1)?;
        let bits = self.bits + 1;
        Some([Stretch { bits, ..self }, Stretch { begins: self.begins | 1 << bit, bits }])
    }

    fn first_tag(self) -> Blind {
        let mut tag = [0; 32];
        tag[..8].copy_from_slice(&(self.begins.cast_unsigned() << 1).to_be_bytes());
        tag
    }
}

/// Cuts the stretch until no part has more of these tags than a page has room for. The parts cover the stretch; some may
/// have no tag.
pub(super) fn cut<T>(stretch: Stretch, tags: BTreeMap<Blind, T>) -> Vec<(Stretch, BTreeMap<Blind, T>)> {
    if tags.len() <= ROOM || stretch.bits >= BITS {
        return vec![(stretch, tags)];
    }
    let mut parts = vec![(stretch, tags)];
    for _ in 0..BITS_AT_ONCE {
        parts = parts.into_iter().flat_map(|(part, tags)| in_two(part, tags)).collect();
    }
    parts.into_iter().flat_map(|(part, tags)| cut(part, tags)).collect()
}

fn in_two<T>(stretch: Stretch, mut tags: BTreeMap<Blind, T>) -> Vec<(Stretch, BTreeMap<Blind, T>)> {
    let Some([lower, upper]) = stretch.halves() else { return vec![(stretch, tags)] };
    let above = tags.split_off(&upper.first_tag());
    vec![(lower, tags), (upper, above)]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tags(count: usize, random: impl Fn(&mut [u8])) -> BTreeMap<Blind, usize> {
        let tag = |place| {
            let mut tag = [0; 32];
            random(&mut tag);
            (tag, place)
        };
        (0..count).map(tag).collect()
    }

    #[test]
    fn parts_cover_the_stretch_once_and_hold_their_own_tags() {
        for count in [0, 1, 128, 129, 1_000, 20_000] {
            let all = tags(count, |bytes| rand::fill(bytes));
            let parts = cut(Stretch::WHOLE, all.clone());
            assert_eq!(parts[0].0.begins, 0);
            let width = |bits: u32| 1_i128 << (63 - bits);
            for (one, next) in parts.iter().zip(&parts[1..]) {
                assert_eq!(i128::from(one.0.begins) + width(one.0.bits), i128::from(next.0.begins), "no gap");
            }
            assert_eq!(parts.iter().map(|(part, _)| width(part.bits)).sum::<i128>(), 1 << 63, "the whole space");
            for (part, tags) in &parts {
                assert!(tags.len() <= ROOM);
                for tag in all.keys() {
                    assert_eq!(part.covers(number(tag)), tags.contains_key(tag));
                }
            }
        }
    }

    #[test]
    fn a_part_is_cut_further_where_it_is_full_and_nowhere_else() {
        let full = tags(129, |bytes| {
            rand::fill(bytes);
            bytes[0] = 0b0110_0000;
        });
        let bits: Vec<u32> = cut(Stretch::WHOLE, full).iter().map(|(part, _)| part.bits).collect();
        assert_eq!(
            bits.iter().filter(|bits| **bits <= 8).count(),
            30,
            "fifteen siblings for each four of the common bits: {bits:?}"
        );
    }

    /// Cannot happen with HMACs, and must not go on for ever.
    #[test]
    fn tags_that_differ_in_no_bit_of_their_number_stay_together() {
        let alike = tags(200, |bytes| {
            rand::fill(bytes);
            bytes[..8].fill(0xFF);
        });
        let parts = cut(Stretch::WHOLE, alike);
        let last = parts.last().unwrap();
        assert_eq!((last.0, last.1.len()), (Stretch { begins: i64::MAX, bits: 63 }, 200));
        assert_eq!(parts.len(), 15 * 15 + 8, "fifteen siblings each, and three bits are left in the end");
    }
}
