//! Tests of this kernel at the level of digits, and of the field on registers.

use std::io::Write as _;

use super::super::conformance::random;
use super::super::vector::field::tests as field;
use super::super::vector::lanes::Lanes as _;
use super::{Digits, Ifma, Vector};
use crate::group::Element;

fn ifma() -> Option<Ifma> {
    let found = Ifma::detect();
    if found.is_none() {
        // Written past the harness, which hides what a passing test has printed.
        let note = "not tested: this machine has no AVX-512 F, DQ and IFMA";
        writeln!(std::io::stderr(), "{note}").unwrap();
    }
    found
}

#[test]
fn zero_times_any_point_is_the_identity() {
    let Some(ifma) = ifma() else { return };
    let zero = Digits::new(&[0; 32]);
    let mut random = random(54);
    for length in [1, 8, 12, 130] {
        let uniform: Vec<[u8; 64]> = (0..length).map(|_| random.bytes()).collect();
        let mut out = vec![[0xaa; 32]; length];
        ifma.map_mul_encode_half(&uniform, &zero, &mut out);
        assert_eq!(out, vec![[0; 32]; length]);
        let points: Vec<[u8; 32]> = uniform
            .iter()
            .map(|bytes| Element::from_uniform_bytes(bytes).encode())
            .collect();
        out.fill([0xaa; 32]);
        ifma.decode_mul_encode_half(&points, &zero, &mut out)
            .unwrap();
        assert_eq!(out, vec![[0; 32]; length]);
    }
}

#[test]
fn the_field_on_registers_is_the_field_of_integers() {
    if ifma().is_some() {
        Vector::outline(
            #[inline(always)]
            || {
                field::check::<Vector>(53);
                field::check_fifteen_products::<Vector>();
            },
        );
    }
}
