//! Every small way to change stored bytes, one after the other. None gives the bytes that it began with.

/// Changed bytes, and what was done to them.
pub(crate) type Changed = (String, Vec<u8>);

/// All of them: each bit flipped, each byte taken out, each byte put in anywhere, cut from either end.
pub(crate) fn every_change(bytes: &[u8]) -> impl Iterator<Item = Changed> {
    every_flipped_bit(bytes).chain(every_cut(bytes)).chain(every_byte_less(bytes)).chain(every_byte_more(bytes))
}

/// One bit turned.
fn every_flipped_bit(bytes: &[u8]) -> impl Iterator<Item = Changed> {
    (0..bytes.len() * 8).map(|bit| {
        let mut flipped = bytes.to_vec();
        flipped[bit / 8] ^= 1 << (bit % 8);
        (format!("bit {bit} flipped"), flipped)
    })
}

/// The beginning without the end, and the end without the beginning, of every length down to nothing.
fn every_cut(bytes: &[u8]) -> impl Iterator<Item = Changed> {
    (0..bytes.len()).flat_map(|len| {
        let (head, tail) = (&bytes[..len], &bytes[bytes.len() - len..]);
        [(format!("only the first {len} bytes"), head.to_vec()), (format!("only the last {len} bytes"), tail.to_vec())]
    })
}

/// One byte taken out, anywhere.
fn every_byte_less(bytes: &[u8]) -> impl Iterator<Item = Changed> {
    (0..bytes.len()).map(|at| {
        let mut shorter = bytes.to_vec();
        shorter.remove(at);
        (format!("byte {at} taken out"), shorter)
    })
}

/// One byte of any value put in, anywhere from before the first to behind the last.
fn every_byte_more(bytes: &[u8]) -> impl Iterator<Item = Changed> {
    (0..=bytes.len()).flat_map(|at| (0..=u8::MAX).map(move |value| (at, value))).map(|(at, value)| {
        let mut longer = bytes.to_vec();
        longer.insert(at, value);
        (format!("{value:02x} put in before byte {at}"), longer)
    })
}

/// Every way to take each piece from one of two: of two pieces, for example, there are four. Says which came from `right`.
pub(crate) fn every_splice(left: &[&[u8]], right: &[&[u8]]) -> Vec<(Vec<bool>, Vec<u8>)> {
    assert_eq!(left.len(), right.len());
    let splice = |choice: u32| {
        let from_right: Vec<bool> = (0..left.len()).map(|piece| choice >> piece & 1 == 1).collect();
        let pick = |piece: usize| if from_right[piece] { right[piece] } else { left[piece] };
        let spliced: Vec<&[u8]> = (0..left.len()).map(pick).collect();
        (from_right, spliced.concat())
    };
    (0..1 << left.len()).map(splice).collect()
}

/// The number with each one of its bits flipped.
pub(crate) fn every_neighbour(number: u128, bits: u32) -> impl Iterator<Item = u128> {
    (0..bits).map(move |bit| number ^ 1 << bit)
}

/// Texts that are easily taken for this one, which is at least two characters long.
pub(crate) fn every_likeness(text: &str) -> Vec<String> {
    let mut alike = vec![
        String::new(),
        text.to_uppercase(),
        text.chars().rev().collect(),
        text[1..].to_owned(),
        text[..text.len() - 1].to_owned(),
        text.repeat(2),
    ];
    for more in ["\0", " ", "\n", "/", "s"] {
        alike.extend([format!("{text}{more}"), format!("{more}{text}")]);
    }
    alike.retain(|likeness| likeness != text);
    alike
}
