//! The hash that maps a tenant to a partition: murmur2 as Kafka's Java client computes it, so that producers in other
//! languages put a tenant's records in the same partition.
//!
//! Source: Apache Kafka, `org.apache.kafka.common.utils.Utils.murmur2` and `toPositive`.

const SEED: u32 = 0x9747_b28c;
const M: u32 = 0x5bd1_e995;

/// The partition of a key among `partitions`: the hash with its sign bit cleared, modulo the number of partitions.
pub(crate) fn partition(key: &[u8], partitions: u32) -> u32 {
    (hash(key) & 0x7fff_ffff) % partitions.max(1)
}

fn hash(key: &[u8]) -> u32 {
    // Java's array length is an int; a key longer than that cannot exist there.
    let length = u32::try_from(key.len()).unwrap_or(u32::MAX);
    let (words, tail) = key.as_chunks::<4>();
    let hash = words.iter().fold(SEED ^ length, |hash, word| mix(hash, u32::from_le_bytes(*word)));
    avalanche(mix_tail(hash, tail))
}

fn mix(hash: u32, word: u32) -> u32 {
    let word = word.wrapping_mul(M);
    let word = (word ^ (word >> 24)).wrapping_mul(M);
    hash.wrapping_mul(M) ^ word
}

fn mix_tail(hash: u32, tail: &[u8]) -> u32 {
    if tail.is_empty() {
        return hash;
    }
    let word = tail.iter().rev().fold(0, |word, &byte| (word << 8) | u32::from(byte));
    (hash ^ word).wrapping_mul(M)
}

fn avalanche(hash: u32) -> u32 {
    let hash = (hash ^ (hash >> 13)).wrapping_mul(M);
    hash ^ (hash >> 15)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The values that Kafka's own `UtilsTest.testMurmur2` expects, as Java's signed ints.
    const KAFKA_VALUES: [(&[u8], i32); 6] = [
        (b"21", -973_932_308),
        (b"foobar", -790_332_482),
        (b"a-little-bit-long-string", -985_981_536),
        (b"a-little-bit-longer-string", -1_486_304_829),
        (b"lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8", -58_897_971),
        (b"abc", 479_470_107),
    ];

    #[test]
    fn hashes_as_kafka_does() {
        for (key, expected) in KAFKA_VALUES {
            assert_eq!(hash(key).cast_signed(), expected, "{}", String::from_utf8_lossy(key));
        }
    }

    #[test]
    fn partitions_as_kafka_does() {
        for (key, expected) in KAFKA_VALUES {
            let positive = expected & i32::MAX;
            assert_eq!(partition(key, 12), positive.cast_unsigned() % 12, "{}", String::from_utf8_lossy(key));
        }
    }

    #[test]
    fn every_partition_is_used() {
        let used: std::collections::BTreeSet<u32> =
            (0..200).map(|n| partition(format!("shop-{n}").as_bytes(), 16)).collect();
        assert_eq!(used.len(), 16);
    }
}
