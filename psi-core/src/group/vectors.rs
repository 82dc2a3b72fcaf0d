//! The published vectors, read from `psi-core/testdata`. For tests only.

use std::collections::BTreeMap;

const RFC_9496: &str = include_str!("../../testdata/rfc9496.txt");
const RFC_9497: &str = include_str!("../../testdata/rfc9497.txt");

/// The sections of RFC 9496's file: title, then one list of byte strings per line.
fn rfc9496_sections() -> Vec<(&'static str, Vec<Vec<Vec<u8>>>)> {
    let mut sections: Vec<(&str, Vec<Vec<Vec<u8>>>)> = Vec::new();
    for line in RFC_9496
        .lines()
        .filter(|line| !line.is_empty() && !line.starts_with('#'))
    {
        if let Some(title) = line
            .strip_prefix('[')
            .and_then(|rest| rest.strip_suffix(']'))
        {
            sections.push((title, Vec::new()));
        } else {
            let fields = line
                .split(' ')
                .map(|field| hex::decode(field).unwrap())
                .collect();
            sections.last_mut().unwrap().1.push(fields);
        }
    }
    sections
}

fn rfc9496_section(title: &str) -> Vec<Vec<Vec<u8>>> {
    rfc9496_sections()
        .into_iter()
        .find(|(found, _)| *found == title)
        .unwrap()
        .1
}

/// The encodings of `0*G`, `1*G`, and so on.
pub(crate) fn generator_multiples() -> Vec<[u8; 32]> {
    let lines = rfc9496_section("multiples of the generator");
    lines
        .iter()
        .map(|fields| fields[0].as_slice().try_into().unwrap())
        .collect()
}

/// Encodings to be rejected, each with the reason.
pub(crate) fn invalid_encodings() -> Vec<(&'static str, [u8; 32])> {
    let mut all = Vec::new();
    for (title, lines) in rfc9496_sections() {
        if let Some(reason) = title.strip_prefix("invalid: ") {
            all.extend(
                lines
                    .iter()
                    .map(|fields| (reason, fields[0].as_slice().try_into().unwrap())),
            );
        }
    }
    all
}

/// Inputs of the one-way map and the encodings they map to.
pub(crate) fn one_way_map() -> Vec<([u8; 64], [u8; 32])> {
    let lines = rfc9496_section("one-way map");
    let pair = |fields: &Vec<Vec<u8>>| {
        (
            fields[0].as_slice().try_into().unwrap(),
            fields[1].as_slice().try_into().unwrap(),
        )
    };
    lines.iter().map(pair).collect()
}

/// The key pair of RFC 9497's vectors.
pub(crate) struct OprfKey {
    pub(crate) seed: Vec<u8>,
    pub(crate) key_info: Vec<u8>,
    pub(crate) secret: [u8; 32],
}

/// One vector of RFC 9497, mode OPRF.
pub(crate) struct OprfVector {
    pub(crate) input: Vec<u8>,
    pub(crate) blind: [u8; 32],
    pub(crate) blinded: [u8; 32],
    pub(crate) evaluated: [u8; 32],
    pub(crate) output: [u8; 64],
}

pub(crate) fn oprf() -> (OprfKey, Vec<OprfVector>) {
    let mut blocks = RFC_9497
        .split("\n\n")
        .map(fields)
        .filter(|fields| !fields.is_empty());
    let key = blocks.next().unwrap();
    let key = OprfKey {
        seed: key["Seed"].clone(),
        key_info: key["KeyInfo"].clone(),
        secret: fixed(&key, "skSm"),
    };
    let vectors = blocks.map(|block| OprfVector {
        input: block["Input"].clone(),
        blind: fixed(&block, "Blind"),
        blinded: fixed(&block, "BlindedElement"),
        evaluated: fixed(&block, "EvaluationElement"),
        output: fixed(&block, "Output"),
    });
    (key, vectors.collect())
}

fn fields(block: &'static str) -> BTreeMap<&'static str, Vec<u8>> {
    let pairs = block.lines().filter_map(|line| line.split_once(" = "));
    pairs
        .map(|(name, value)| (name, hex::decode(value).unwrap()))
        .collect()
}

fn fixed<const N: usize>(block: &BTreeMap<&str, Vec<u8>>, name: &str) -> [u8; N] {
    block[name].as_slice().try_into().unwrap()
}
