//! The code of lists exactly as Spec 06 §5 writes it down, bit by bit. For tests alone: they
//! compare [`super::Rice`] with it, and make codes that no encoder writes.

/// The bits of `records`, coded as a list of `count`, whatever their number and order. Gaps are
/// taken modulo the number of possible records.
pub(crate) fn bits<R: AsRef<[u8]>>(width: usize, count: u64, records: &[R]) -> Vec<bool> {
    let mut bits = Vec::new();
    // The first record codes its own value, as if -1 came before it.
    let mut previous = vec![0xff; width];
    for record in records {
        let skipped = minus_one(&minus(record.as_ref(), &previous));
        bits.extend(code(&skipped, parameter(width, count)));
        previous = record.as_ref().to_vec();
    }
    bits
}

/// The code of one gap, less one, given as a big-endian number.
fn code(skipped: &[u8], k: usize) -> Vec<bool> {
    let number = unpack(skipped);
    let (quotient, remainder) = number.split_at(number.len() - k);
    let quotient = quotient
        .iter()
        .fold(0, |number, bit| 2 * number + usize::from(*bit));
    let mut bits = vec![false; quotient];
    bits.push(true);
    bits.extend(remainder);
    bits
}

pub(crate) fn parameter(width: usize, count: u64) -> usize {
    let bitlen = format!("{count:b}").trim_start_matches('0').len();
    (8 * width).saturating_sub(bitlen)
}

/// Bits as bytes, the last of them filled up with zeros.
pub(crate) fn pack(bits: &[bool]) -> Vec<u8> {
    let byte = |bits: &[bool]| {
        let bits = bits.iter().enumerate();
        bits.fold(0, |byte, (place, bit)| byte | u8::from(*bit) << (7 - place))
    };
    bits.chunks(8).map(byte).collect()
}

fn unpack(bytes: &[u8]) -> Vec<bool> {
    let bits = |byte: &u8| (0..8).rev().map(|place| byte >> place & 1 == 1).collect();
    bytes.iter().flat_map::<Vec<_>, _>(bits).collect()
}

/// `a - b` modulo the number of values of their width.
fn minus(a: &[u8], b: &[u8]) -> Vec<u8> {
    let mut difference = a.to_vec();
    let mut borrow = 0;
    for (byte, b) in difference.iter_mut().zip(b).rev() {
        let value = i16::from(*byte) - i16::from(*b) - borrow;
        borrow = i16::from(value < 0);
        *byte = u8::try_from(value.rem_euclid(256)).unwrap();
    }
    difference
}

fn minus_one(a: &[u8]) -> Vec<u8> {
    let mut one = vec![0; a.len()];
    *one.last_mut().unwrap() = 1;
    minus(a, &one)
}
