//! Bytes of a peer as the code of a list (Spec 06 §5), cut into two frames.
//!
//! Whatever they are, decoding does not panic, gives no more records than the list has, and no more
//! bytes than the bound; and what decodes to a list is the one code of that list.
//!
//! Input: width (1), count (2, big-endian), where to cut (2, big-endian), the code.

use psi_core::list::{OrderCheck, RecordCodec as _, Rice};

/// Decodes the bytes, and encodes again what they decode to; `true` if that is a list.
///
/// # Panics
/// If one of the promises above is broken.
pub fn rice(input: &[u8]) -> bool {
    let Some((head, bytes)) = input.split_first_chunk::<5>() else {
        return false;
    };
    let [width, count_high, count_low, cut_high, cut_low] = *head;
    let width = usize::from(width % 32) + 1;
    let count = u64::from(u16::from_be_bytes([count_high, count_low]));
    let cut = usize::from(u16::from_be_bytes([cut_high, cut_low])) % (bytes.len() + 1);
    // Refused if there are fewer records of that width.
    let Ok(mut decoder) = Rice.decoder(width, count) else {
        return false;
    };
    let bits = 8 * width - (64 - count.leading_zeros() as usize).min(8 * width) + 1;
    let (front, back) = bytes.split_at(cut);
    let mut records = Vec::new();
    let mut given = 0;
    for piece in [front, back] {
        given += piece.len();
        let taken = decoder.decode(piece, &mut records);
        assert!(records.len() <= 8 * given / bits * width);
        if taken.is_err() {
            return false;
        }
    }
    if decoder.finish().is_err() {
        return false;
    }
    let mut order = OrderCheck::new(width, count);
    order.push(&records).expect("strictly increasing");
    order.finish().expect("as many as asked for");
    let mut again = Vec::new();
    let mut encoder = Rice.encoder(width, count).expect("a list as before");
    encoder
        .encode(&records, &mut again)
        .expect("it is in order");
    encoder.finish(&mut again).expect("it is complete");
    assert_eq!(again, bytes);
    true
}
