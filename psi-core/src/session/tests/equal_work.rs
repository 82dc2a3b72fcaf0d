//! The kernel's work does not depend on how many rows pass a filter.

use std::sync::{Arc, Mutex};

use super::{Portable, Side, run_count, spec_of};
use crate::group::SecretScalar;
use crate::kernel::{DecodeFailed, Kernel, batch};
use crate::spec::Recipients;

/// Counts calls and elements of each kind.
#[derive(Default)]
struct Counting(Mutex<[(u64, u64); 3]>);

impl Counting {
    fn note(&self, kind: usize, elements: usize) {
        let mut counts = self.0.lock().unwrap();
        counts[kind].0 += 1;
        counts[kind].1 += elements as u64;
    }
}

impl Kernel for Counting {
    fn name(&self) -> &'static str {
        "counting"
    }

    fn map_mul_encode(&self, uniform: &[[u8; 64]], k: &SecretScalar, out: &mut [[u8; 32]]) {
        self.note(0, uniform.len());
        Portable.map_mul_encode(uniform, k, out);
    }

    fn decode_mul_encode(
        &self,
        points: &[[u8; 32]],
        k: &SecretScalar,
        out: &mut [[u8; 32]],
    ) -> Result<(), DecodeFailed> {
        self.note(1, points.len());
        Portable.decode_mul_encode(points, k, out)
    }

    fn base_mul_encode(&self, k: &[SecretScalar], out: &mut [[u8; 32]]) {
        self.note(2, k.len());
        Portable.base_mul_encode(k, out);
    }
}

/// Kernel calls of a whole match between lists of 500 and 700 registered identities, of which
/// `a` and `b` pass their owners' filters.
fn work(a: u32, b: u32) -> [(u64, u64); 3] {
    let a = Side::of(0..a, 500, 10);
    let b = Side::of(0..b, 700, 10);
    let spec = spec_of(&a, &b, Recipients::Both);
    let counting = Arc::new(Counting::default());
    let kernel: Arc<dyn Kernel> = Arc::clone(&counting) as _;
    run_count(&spec, [&a, &b], &kernel, 100).unwrap();
    *counting.0.lock().unwrap()
}

#[test]
fn kernel_calls_are_the_same_for_filters_of_none_some_and_all() {
    let all = work(500, 700);
    // 3*N1 + N2: N1 = 500 + 500 canaries, N2 = 700.
    assert_eq!(all[0].1, 500 + 700, "hashes and multiplies");
    assert_eq!(all[1].1, 2 * (500 + 500), "decodes and multiplies");
    assert_eq!(all[2].1, 500 + 1, "canaries and K_b");
    // However the frames cut the lists.
    let batch = batch::BATCH as u64;
    assert_eq!(all[1].0, 2 * 1000_u64.div_ceil(batch), "calls");
    for (a, b) in [(0, 0), (500, 0), (0, 700), (9, 9), (10, 10), (250, 333)] {
        assert_eq!(work(a, b), all, "{a} of 500 and {b} of 700 rows pass");
    }
}
