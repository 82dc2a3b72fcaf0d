use proptest::prelude::*;
use sha2::{Digest as _, Sha512};
use subtle::ConstantTimeEq as _;

use super::{Element, SecretScalar, hash_to_group, hash_to_uniform, vectors};
use crate::error::{Code, Error};

fn scalar(small: u8) -> SecretScalar {
    let mut bytes = [0; 32];
    bytes[0] = small;
    SecretScalar::from_canonical_bytes(bytes).unwrap()
}

fn rejection(bytes: &[u8; 32]) -> Code {
    match Element::decode(bytes) {
        Err(error @ Error::PeerMisbehaved { .. }) => error.code(),
        Err(error) => panic!("{} is not the peer's fault: {error}", hex::encode(bytes)),
        Ok(_) => panic!("{} was accepted", hex::encode(bytes)),
    }
}

/// DST of RFC 9497 §4.1 for `purpose`, mode OPRF.
fn oprf_tag(purpose: &str) -> Vec<u8> {
    [
        purpose.as_bytes(),
        b"OPRFV1-",
        &[0],
        b"-ristretto255-SHA512",
    ]
    .concat()
}

/// The last step of RFC 9497 §3.3.1, `Finalize`, which the product replaces by tags.
fn oprf_output(input: &[u8], unblinded: &[u8; 32]) -> [u8; 64] {
    Sha512::new()
        .chain_update(u16::try_from(input.len()).unwrap().to_be_bytes())
        .chain_update(input)
        .chain_update(32_u16.to_be_bytes())
        .chain_update(unblinded)
        .chain_update(b"Finalize")
        .finalize()
        .into()
}

#[test]
fn multiples_of_the_generator_encode_as_rfc_9496_says() {
    let multiples = vectors::generator_multiples();
    assert_eq!(multiples.len(), 16);
    for (k, expected) in (0_u8..).zip(&multiples).skip(1) {
        let element = Element::base_mul(&scalar(k));
        assert_eq!(element.encode(), *expected, "{k} * G");
        assert!(
            Element::decode(expected).is_ok_and(|decoded| decoded == element),
            "{k} * G"
        );
    }
}

#[test]
fn the_identity_is_rejected_with_its_own_code() {
    assert_eq!(vectors::generator_multiples()[0], [0; 32]);
    assert_eq!(rejection(&[0; 32]), Code::IdentityElement);
}

#[test]
fn every_invalid_encoding_of_rfc_9496_is_rejected() {
    let invalid = vectors::invalid_encodings();
    assert_eq!(invalid.len(), 29);
    for (reason, bytes) in invalid {
        assert_eq!(rejection(&bytes), Code::NonCanonicalElement, "{reason}");
    }
}

#[test]
fn the_one_way_map_gives_what_rfc_9496_says() {
    let pairs = vectors::one_way_map();
    assert_eq!(pairs.len(), 11);
    for (input, expected) in pairs {
        assert_eq!(Element::from_uniform_bytes(&input).encode(), expected);
    }
}

#[test]
fn blind_evaluate_unblind_and_output_are_those_of_rfc_9497() {
    let (key, all) = vectors::oprf();
    assert_eq!(all.len(), 2);
    let secret = SecretScalar::from_canonical_bytes(key.secret).unwrap();
    for vector in all {
        let blind = SecretScalar::from_canonical_bytes(vector.blind).unwrap();
        let hashed = hash_to_group(&oprf_tag("HashToGroup-"), &vector.input);
        assert!(!hashed.is_identity());
        let blinded = hashed.mul(&blind);
        assert_eq!(blinded.encode(), vector.blinded);
        let Ok(received) = Element::decode(&vector.blinded) else {
            panic!("blinded element")
        };
        assert_eq!(received.mul(&secret).encode(), vector.evaluated);
        let Ok(reply) = Element::decode(&vector.evaluated) else {
            panic!("evaluated element")
        };
        let unblinded = reply.mul(&blind.invert());
        assert!(unblinded == hashed.mul(&secret));
        assert_eq!(
            oprf_output(&vector.input, &unblinded.encode()),
            vector.output
        );
    }
}

#[test]
fn the_secret_key_of_rfc_9497_follows_from_its_seed() {
    // DeriveKeyPair, RFC 9497 §3.2.1: exercises the expansion and the wide reduction.
    let (key, _) = vectors::oprf();
    let info_length = u16::try_from(key.key_info.len()).unwrap().to_be_bytes();
    let input = [key.seed.as_slice(), &info_length, &key.key_info, &[0]].concat();
    let wide = hash_to_uniform(&oprf_tag("DeriveKeyPair"), &input);
    let derived = SecretScalar::from_wide_bytes(&wide).unwrap();
    let published = SecretScalar::from_canonical_bytes(key.secret).unwrap();
    assert!(bool::from(derived.ct_eq(&published)));
}

#[test]
fn a_long_domain_tag_is_hashed_first() {
    // Computed with another implementation of RFC 9380 §5.3.
    let longest_as_is = hash_to_uniform(&[b'x'; 255], b"m");
    assert!(hex::encode(longest_as_is).starts_with("a1ecd147c649c9104b0a45833c3f2a00"));
    let shortest_hashed = hash_to_uniform(&[b'x'; 256], b"m");
    assert!(hex::encode(shortest_hashed).starts_with("9df93763a354604709f6354fe80d3c74"));
}

#[test]
fn the_product_hash_of_a_known_digest_never_changes() {
    let digest: [u8; 32] = std::array::from_fn(|i| u8::try_from(i).unwrap());
    // Computed with another implementation of RFC 9380 §5.3.
    assert_eq!(
        hex::encode(hash_to_uniform(b"psi/v1/email", &digest)),
        "ef18d7fbf0c1aeb2e5221e525b0588de8e2c473b4f9c755cf94fd6f802e35c4d\
         1275a620e41790bca06466162502ae5393c6cbbffe10722384205eaa57207d1c"
    );
}

#[test]
fn scalars_out_of_range_and_zero_are_refused() {
    // The group order, RFC 9496 §4.4, little-endian.
    let order = hex::decode("edd3f55c1a631258d69cf7a2def9de1400000000000000000000000000000010");
    let order: [u8; 32] = order.unwrap().try_into().unwrap();
    assert!(SecretScalar::from_canonical_bytes(order).is_none());
    assert!(SecretScalar::from_canonical_bytes([0; 32]).is_none());
    assert!(SecretScalar::from_canonical_bytes([0xff; 32]).is_none());
    let mut wide = [0; 64];
    assert!(SecretScalar::from_wide_bytes(&wide).is_none());
    wide[..32].copy_from_slice(&order);
    assert!(SecretScalar::from_wide_bytes(&wide).is_none());
    wide[0] += 1;
    let one = SecretScalar::from_wide_bytes(&wide).unwrap();
    assert!(bool::from(one.ct_eq(&scalar(1))));
}

proptest! {
    #[test]
    fn decoding_accepts_only_what_encodes_back_to_the_same_bytes(bytes in any::<[u8; 32]>()) {
        if let Ok(element) = Element::decode(&bytes) {
            prop_assert_eq!(element.encode(), bytes);
            prop_assert!(!element.is_identity());
        }
    }

    #[test]
    fn unblinding_undoes_blinding_and_exponents_commute(
        msg in any::<Vec<u8>>(),
        a in any::<[u8; 32]>(),
        b in any::<[u8; 32]>(),
    ) {
        let wide = |low: [u8; 32]| SecretScalar::from_wide_bytes(&[low, [1; 32]].concat().try_into().unwrap());
        let (a, b) = (wide(a).unwrap(), wide(b).unwrap());
        let h = hash_to_group(b"psi/v1/text", &msg);
        prop_assert!(h.mul(&a).mul(&b) == h.mul(&b).mul(&a));
        prop_assert!(h.mul(&a).mul(&b).mul(&a.invert()) == h.mul(&b));
        prop_assert!(h.mul(&a.half()).mul(&scalar(2)) == h.mul(&a));
    }
}
