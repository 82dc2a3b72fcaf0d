//! Eight words in a 512-bit register.

use std::arch::x86_64::{
    __m512i, _mm512_add_epi64, _mm512_and_si512, _mm512_cmpeq_epi64_mask, _mm512_madd52hi_epu64,
    _mm512_madd52lo_epu64, _mm512_mask_blend_epi64, _mm512_movepi64_mask, _mm512_movm_epi64,
    _mm512_mullo_epi64, _mm512_or_si512, _mm512_set1_epi64, _mm512_sllv_epi64, _mm512_srlv_epi64,
    _mm512_sub_epi64, _mm512_xor_si512,
};
use zeroize::Zeroize;

use super::super::vector::field::integer::Integers;
use super::super::vector::lanes::{IntegerLanes, Lanes};

/// A register. Its operations may run only on a machine with AVX-512 F, DQ and IFMA: see the head
/// of [`super`].
#[derive(Clone, Copy)]
#[repr(transparent)]
pub(super) struct Vector(__m512i);

/// Methods that are one instruction each.
macro_rules! instructions {
    ($($name:ident: $instruction:ident;)*) => {$(
        #[inline(always)]
        fn $name(self, b: Self) -> Self {
            // SAFETY: see the head of `super`.
            Self(unsafe { $instruction(self.0, b.0) })
        }
    )*};
}

impl Lanes for Vector {
    const LANES: usize = 8;
    type Words = [u64; 8];
    type Arithmetic = Integers;

    instructions! {
        add: _mm512_add_epi64;
        sub: _mm512_sub_epi64;
        and: _mm512_and_si512;
        or: _mm512_or_si512;
        xor: _mm512_xor_si512;
    }

    #[inline(always)]
    fn splat(word: u64) -> Self {
        // SAFETY: see the head of `super`.
        Self(unsafe { _mm512_set1_epi64(word.cast_signed()) })
    }

    #[inline(always)]
    fn load(word: impl Fn(usize) -> u64) -> Self {
        let words = [
            word(0),
            word(1),
            word(2),
            word(3),
            word(4),
            word(5),
            word(6),
            word(7),
        ];
        // SAFETY: both are 64 bytes of integers, for which every value is valid.
        Self(unsafe { std::mem::transmute::<[u64; 8], __m512i>(words) })
    }

    #[inline(always)]
    fn store(self) -> [u64; 8] {
        // SAFETY: as in `load`.
        unsafe { std::mem::transmute::<__m512i, [u64; 8]>(self.0) }
    }

    // A known count becomes part of the instruction.

    #[inline(always)]
    fn shift_left<const BITS: i32>(self) -> Self {
        // SAFETY: see the head of `super`.
        Self(unsafe { _mm512_sllv_epi64(self.0, _mm512_set1_epi64(BITS.into())) })
    }

    #[inline(always)]
    fn shift_right<const BITS: i32>(self) -> Self {
        // SAFETY: see the head of `super`.
        Self(unsafe { _mm512_srlv_epi64(self.0, _mm512_set1_epi64(BITS.into())) })
    }

    // Comparisons give bits in a register of another kind, and selections take such bits. Where one
    // follows the other, the words between them cost no instruction.

    #[inline(always)]
    fn equal(self, b: Self) -> Self {
        // SAFETY: see the head of `super`.
        Self(unsafe { _mm512_movm_epi64(_mm512_cmpeq_epi64_mask(self.0, b.0)) })
    }

    #[inline(always)]
    fn select(mask: Self, yes: Self, no: Self) -> Self {
        // SAFETY: see the head of `super`.
        Self(unsafe { _mm512_mask_blend_epi64(_mm512_movepi64_mask(mask.0), no.0, yes.0) })
    }

    #[inline(always)]
    fn opaque(self) -> Self {
        #[inline]
        #[target_feature(enable = "avx512f,avx512dq,avx512ifma")]
        fn hide(mut register: __m512i) -> __m512i {
            // Not `pure`, so that the compiler also keeps the order of such values.
            // SAFETY: it runs no instruction.
            unsafe {
                std::arch::asm!(
                    "/* {} */",
                    inout(zmm_reg) register,
                    options(nomem, nostack, preserves_flags)
                );
            }
            register
        }
        // SAFETY: see the head of `super`.
        Self(unsafe { hide(self.0) })
    }

    #[inline(always)]
    fn outline<R>(f: impl FnOnce() -> R) -> R {
        #[inline(never)]
        #[target_feature(enable = "avx512f,avx512dq,avx512ifma")]
        fn run<R>(f: impl FnOnce() -> R) -> R {
            // A local that has to be in memory. Only then does the compiler align the frame to 64
            // bytes, and a register that is put there for a while does not cross a cache line.
            let aligned = std::mem::MaybeUninit::<__m512i>::uninit();
            // SAFETY: it runs no instruction.
            unsafe {
                std::arch::asm!(
                    "/* {} */",
                    in(reg) &raw const aligned,
                    options(readonly, nostack, preserves_flags)
                );
            }
            f()
        }
        // SAFETY: see the head of `super`.
        unsafe { run(f) }
    }
}

impl IntegerLanes for Vector {
    instructions! {
        mul: _mm512_mullo_epi64;
    }

    #[inline(always)]
    fn add_product_low(self, a: Self, b: Self) -> Self {
        // SAFETY: see the head of `super`.
        Self(unsafe { _mm512_madd52lo_epu64(self.0, a.0, b.0) })
    }

    #[inline(always)]
    fn add_product_high(self, a: Self, b: Self) -> Self {
        // SAFETY: see the head of `super`.
        Self(unsafe { _mm512_madd52hi_epu64(self.0, a.0, b.0) })
    }
}

impl Zeroize for Vector {
    fn zeroize(&mut self) {
        self.0.zeroize();
    }
}
