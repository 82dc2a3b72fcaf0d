//! The transfer once more, slowly: bit by bit, straight from the papers and Spec 11, one row and
//! one block at a time, with its own arithmetic in GF(2^128). Every message and both shares of the
//! fast one must be the same bytes.
//!
//! Of the production code it uses the group, SHA-512, the seed's streams and one block of AES at a
//! time, and nothing of the modules beside it.

use aes::cipher::{BlockCipherEncrypt as _, KeyInit as _};
use aes::{Aes128Enc, Block};
use sha2::{Digest as _, Sha512};

use super::{JOB, Pair};
use crate::group::{Element, SecretScalar, hash_to_group};
use crate::seed::{JobSeed, Purpose, SeedStream};
use crate::transcript::ListHash;

fn sha(pieces: &[&[u8]]) -> [u8; 64] {
    Sha512::digest(pieces.concat()).into()
}

fn aes(key: &[u8], block: [u8; 16]) -> [u8; 16] {
    let key: [u8; 16] = key.try_into().unwrap();
    let mut block = Block::from(block);
    Aes128Enc::new(&Block::from(key)).encrypt_block(&mut block);
    block.into()
}

fn xor(a: [u8; 16], b: [u8; 16]) -> [u8; 16] {
    std::array::from_fn(|i| a[i] ^ b[i])
}

/// The field of RFC 8452 §3: bits from the lowest of the first byte, modulo `x^128 + x^127 + x^126 +
/// x^121 + 1`.
mod field {
    const MODULUS: u128 = 1 << 127 | 1 << 126 | 1 << 121 | 1;
    /// `x^-128`, as RFC 8452 §3 gives it.
    const X_TO_MINUS_128: u128 = 1 << 127 | 1 << 124 | 1 << 121 | 1 << 114 | 1;

    pub(super) fn mul(a: u128, b: u128) -> u128 {
        let mut product = 0;
        for i in (0..128).rev() {
            let carry = product >> 127 == 1;
            product <<= 1;
            if carry {
                product ^= MODULUS;
            }
            if b >> i & 1 == 1 {
                product ^= a;
            }
        }
        product
    }

    /// `sum of words[j] * (key * x^-128)^(n - j)`: POLYVAL, without Horner's rule.
    pub(super) fn polyval(key: u128, words: &[u128]) -> u128 {
        let point = mul(key, X_TO_MINUS_128);
        let mut power = point;
        let mut sum = 0;
        for word in words.iter().rev() {
            sum ^= mul(*word, power);
            power = mul(power, point);
        }
        sum
    }

    #[test]
    fn the_field_gives_the_vector_of_rfc_8452_appendix_a() {
        let number = |hex: &str| {
            let bytes: [u8; 16] = hex::decode(hex).unwrap().try_into().unwrap();
            u128::from_le_bytes(bytes)
        };
        let words = [
            number("4f4f95668c83dfb6401762bb2d01a262"),
            number("d1a24ddd2721d006bbe45f20d3c9f362"),
        ];
        assert_eq!(
            polyval(number("25629347589242761d31f826ba4b757b"), &words),
            number("f7a3b47b846119fae5b7866cf5e5b77e")
        );
        let power = (0..128).fold(1, |power, _| mul(power, 2));
        assert_eq!(mul(power, X_TO_MINUS_128), 1);
    }
}

/// The masking of one side's stream: 32 bytes, of which the first 16 are used.
fn first_draw(stream: &mut SeedStream) -> [u8; 16] {
    let mut bytes = [0; 32];
    stream.fill(&mut bytes);
    bytes[..16].try_into().unwrap()
}

fn bit_of(bytes: &[u8], i: usize) -> bool {
    bytes[i / 8] >> (i % 8) & 1 == 1
}

/// A column as bits: the counter-mode stream of `seed`, `rows` bits of it.
fn stretch(seed: &[u8], rows: usize) -> Vec<bool> {
    (0..rows)
        .map(|row| {
            let counter = (row / 128) as u128;
            bit_of(&aes(seed, counter.to_be_bytes()), row % 128)
        })
        .collect()
}

struct Reference {
    points: Vec<u8>,
    keys: Vec<u8>,
    columns: Vec<u8>,
    check: Vec<u8>,
    corrections: Vec<u8>,
    receiver: Vec<u64>,
    sender: Vec<u64>,
}

/// One list of one record, or many, as its transcript (Spec 05 §5).
fn list(number: u8, width: usize, records: &[u8]) -> ListHash {
    let count = (records.len() / width) as u64;
    let width = (width as u64).to_be_bytes();
    let head = [number, 0, 0, 0];
    sha(&[b"psi/v1/list", &head, &width, &count.to_be_bytes(), records]).into()
}

struct Base {
    points: Vec<u8>,
    keys: Vec<u8>,
    /// Both seeds of each column, and the one that the Sender holds.
    seeds: Vec<[[u8; 16]; 3]>,
}

/// Masny and Rindal, Fig. 8, once per column.
fn base(delta: [u8; 16], receiver: &mut SeedStream, sender: &mut SeedStream) -> Base {
    let mut base = Base {
        points: vec![],
        keys: vec![],
        seeds: vec![],
    };
    let context = [JOB.as_bytes().as_slice(), &[0]].concat();
    for i in 0..128_u8 {
        let y: SecretScalar = sender.scalar();
        let mut uniform = [0; 64];
        sender.fill(&mut uniform);
        let a = receiver.scalar();
        let oracle = |branch: u8, point: &[u8]| {
            let message = [context.as_slice(), &[i, branch], point].concat();
            hash_to_group(b"psi/v1/ot/group", &message)
        };
        let bit = bit_of(&delta, i.into());
        let other = Element::from_uniform_bytes(&uniform);
        let hashed = oracle(u8::from(bit), &other.encode());
        let own = Element::base_mul(&y).minus(&hashed);
        let r = if bit { [other, own] } else { [own, other] };
        let points = [r[0].encode(), r[1].encode()].concat();
        let key = Element::base_mul(&a).encode();
        let hash = |branch: u8, shared: Element| -> [u8; 16] {
            let name = [i, branch];
            let shared = shared.encode();
            let label = b"psi/v1/ot/column".as_slice();
            let hash = sha(&[label, &context, &name, &points, &key, &shared]);
            hash[..16].try_into().unwrap()
        };
        let both = [
            hash(0, r[0].plus(&oracle(0, &r[1].encode())).mul(&a)),
            hash(1, r[1].plus(&oracle(1, &r[0].encode())).mul(&a)),
        ];
        let chosen = hash(u8::from(bit), Element::base_mul(&a).mul(&y));
        base.points.extend(&points);
        base.keys.extend(key);
        base.seeds.push([both[0], both[1], chosen]);
    }
    base
}

/// The hash of one column of bits, sacrificed rows first (Spec 11 §5).
fn column_hash(challenge: &[u8; 64], bits: &[bool]) -> u128 {
    let words: Vec<u128> = bits
        .chunks(128)
        .map(|bits| (0..).zip(bits).map(|(r, bit)| u128::from(*bit) << r).sum())
        .collect();
    let mut sum = words[0];
    for (block, words) in (0_u64..).zip(words[1..].chunks(32)) {
        let key = sha(&[b"psi/v1/ot/check", challenge, &block.to_be_bytes()]);
        let key = u128::from_le_bytes(key[..16].try_into().unwrap());
        sum ^= field::polyval(key, words);
    }
    sum
}

/// `TMMO(x, i) = p(p(x) ^ i) ^ p(x)`, the number for one component.
fn pad(key: &[u8], x: [u8; 16], part: u16, position: u64, component: usize) -> u64 {
    let mut tweak = [0; 16];
    tweak[..2].copy_from_slice(&part.to_be_bytes());
    tweak[2..4].copy_from_slice(&u16::try_from(component / 2).unwrap().to_be_bytes());
    tweak[8..].copy_from_slice(&position.to_be_bytes());
    let permuted = aes(key, x);
    let out = xor(aes(key, xor(permuted, tweak)), permuted);
    let half = 8 * (component % 2);
    u64::from_be_bytes(out[half..half + 8].try_into().unwrap())
}

fn reference(pair: &Pair) -> Reference {
    let stream = |seed| JobSeed::new([seed; 32]).stream(Purpose::Transfer, 0, 0);
    let (mut of_receiver, mut of_sender) = (stream(pair.seeds[0]), stream(pair.seeds[1]));
    let sacrificed = first_draw(&mut of_receiver);
    let delta = first_draw(&mut of_sender);
    let base = base(delta, &mut of_receiver, &mut of_sender);

    // Choice bits: sacrificed rows, the rows part by part, zeros up to a whole word.
    let positions = pair.setup.positions();
    let mut bits: Vec<bool> = (0..128).map(|i| bit_of(&sacrificed, i)).collect();
    for matched in &pair.matched {
        bits.extend((0..positions).map(|position| matched.contains(&position)));
    }
    bits.resize(bits.len().next_multiple_of(128), false);
    let rows = bits.len();

    // IKNP: columns t_i, and u_i = t_i + G(k_i^1) + bits.
    let t: Vec<Vec<bool>> = base.seeds.iter().map(|s| stretch(&s[0], rows)).collect();
    let mut u: Vec<Vec<bool>> = base.seeds.iter().map(|s| stretch(&s[1], rows)).collect();
    for (u, t) in u.iter_mut().zip(&t) {
        for row in 0..rows {
            u[row] ^= t[row] ^ bits[row];
        }
    }
    let mut columns = vec![];
    for word in 0..rows / 128 {
        for u in &u {
            for byte in 0..16 {
                let bit = |b: usize| u8::from(u[128 * word + 8 * byte + b]) << b;
                columns.push((0..8).map(bit).sum());
            }
        }
    }

    // The Sender: q_i = G(k_i^Delta_i) + Delta_i * u_i.
    let mut q: Vec<Vec<bool>> = base.seeds.iter().map(|s| stretch(&s[2], rows)).collect();
    for (i, (q, u)) in q.iter_mut().zip(&u).enumerate() {
        for row in 0..rows {
            q[row] ^= bit_of(&delta, i) & u[row];
        }
    }

    // The check.
    let dimensions = [
        &pair.setup.parts().to_be_bytes()[..],
        &positions.to_be_bytes(),
        &u16::try_from(pair.setup.components())
            .unwrap()
            .to_be_bytes(),
    ]
    .concat();
    let challenge = sha(&[
        b"psi/v1/ot/challenge",
        JOB.as_bytes(),
        &[0],
        &dimensions,
        list(5, 128 * 64, &base.points).as_bytes(),
        list(6, 128 * 32, &base.keys).as_bytes(),
        list(7, 2048, &columns).as_bytes(),
    ]);
    let x = column_hash(&challenge, &bits);
    let mut check = x.to_le_bytes().to_vec();
    for (i, (t, q)) in t.iter().zip(&q).enumerate() {
        let t = column_hash(&challenge, t);
        let expected = if bit_of(&delta, i) { t ^ x } else { t };
        assert_eq!(column_hash(&challenge, q), expected, "column {i}");
        check.extend(t.to_le_bytes());
    }

    // Rows, pads, corrections.
    let row_of = |columns: &[Vec<bool>], row: usize| -> [u8; 16] {
        let bit = |byte: usize, b: usize| u8::from(columns[8 * byte + b][row]) << b;
        std::array::from_fn(|byte| (0..8).map(|b| bit(byte, b)).sum())
    };
    let key = sha(&[b"psi/v1/ot/permutation", &challenge]);
    let key = &key[..16];
    let sums = pair.setup.sums();
    let (mut receiver, mut sender) = (vec![0_u64; sums], vec![0_u64; sums]);
    let mut corrections = vec![];
    let mut row = 128;
    for part in 0..pair.setup.parts() {
        for position in 0..positions {
            let (q, t) = (row_of(&q, row), row_of(&t, row));
            for component in 0..pair.setup.components() {
                let value = pair.payload[usize::try_from(position).unwrap()][component];
                let hash = |x| pad(key, x, part, position, component);
                let correction = hash(q)
                    .wrapping_sub(hash(xor(q, delta)))
                    .wrapping_add(value.cast_unsigned());
                corrections.extend(correction.to_be_bytes());
                let sum = usize::from(part) * pair.setup.components() + component;
                sender[sum] = sender[sum].wrapping_sub(hash(q));
                let got = if bits[row] { correction } else { 0 };
                receiver[sum] = receiver[sum].wrapping_add(hash(t)).wrapping_add(got);
            }
            row += 1;
        }
    }
    Reference {
        points: base.points,
        keys: base.keys,
        columns,
        check,
        corrections,
        receiver,
        sender,
    }
}

#[test]
fn every_byte_is_that_of_the_slow_reference() {
    for (parts, positions, components) in [(1, 1, 1), (3, 77, 5), (2, 128, 2), (1, 4_300, 3)] {
        let pair = Pair::of(parts, positions, components, 7);
        let slow = reference(&pair);
        let fast = pair.run(3, 50);
        assert_eq!(fast.points, slow.points);
        assert_eq!(fast.keys, slow.keys);
        assert!(fast.columns == slow.columns, "columns differ");
        assert_eq!(fast.check, slow.check);
        assert!(fast.corrections == slow.corrections, "corrections differ");
        assert_eq!(*fast.receiver.share.values, slow.receiver);
        assert_eq!(*fast.sender.share.values, slow.sender);
        let width = pair.setup.row_bytes();
        let lists = fast.sender.transcripts;
        assert_eq!(lists.to_receiver[0], list(5, 8192, &slow.points));
        assert_eq!(lists.to_receiver[1], list(9, width, &slow.corrections));
        assert_eq!(lists.to_sender[0], list(6, 4096, &slow.keys));
        assert_eq!(lists.to_sender[1], list(7, 2048, &slow.columns));
        assert_eq!(lists.to_sender[2], list(8, 2064, &slow.check));
    }
}

/// A change here changes every message of every transfer: never change it.
#[test]
fn the_messages_of_one_transfer_are_known_answers() {
    let wire = Pair::of(3, 77, 5, 7).run(3, 50);
    for (message, expected) in [
        (&wire.points, "ebe7d5c492ee50dab6df2b4d13d0bd49"),
        (&wire.keys, "44e7a7450bee7777e1cccb56b3de7daf"),
        (&wire.columns, "912a8b599c319739751c59a56c439d4d"),
        (&wire.check, "7134a6177b115f1ba5fc6b19d0999d33"),
        (&wire.corrections, "683bdea50fed348dc494ea90daf4076e"),
    ] {
        assert_eq!(hex::encode(&sha(&[message])[..16]), expected);
    }
}
