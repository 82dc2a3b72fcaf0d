//! Four words in a 256-bit register.

use std::arch::x86_64::{
    __m256d, __m256i, _mm256_add_epi64, _mm256_add_pd, _mm256_and_si256, _mm256_blendv_epi8,
    _mm256_castpd_si256, _mm256_castsi256_pd, _mm256_cmpeq_epi64, _mm256_fmadd_pd, _mm256_or_si256,
    _mm256_set1_epi64x, _mm256_slli_epi64, _mm256_srli_epi64, _mm256_sub_epi64, _mm256_sub_pd,
    _mm256_xor_si256,
};
use zeroize::Zeroize;

use super::super::vector::field::float::Floats;
use super::super::vector::lanes::{FloatLanes, Lanes};

/// A register. Its operations may run only on a machine with AVX2 and FMA: see the head of
/// [`super`].
#[derive(Clone, Copy)]
#[repr(transparent)]
pub(super) struct Vector(__m256i);

impl Vector {
    #[inline(always)]
    fn float(self) -> __m256d {
        // SAFETY: see the head of `super`.
        unsafe { _mm256_castsi256_pd(self.0) }
    }

    #[inline(always)]
    fn of_float(float: __m256d) -> Self {
        // SAFETY: see the head of `super`.
        Self(unsafe { _mm256_castpd_si256(float) })
    }
}

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
    const LANES: usize = 4;
    type Words = [u64; 4];
    type Arithmetic = Floats;

    instructions! {
        add: _mm256_add_epi64;
        sub: _mm256_sub_epi64;
        and: _mm256_and_si256;
        or: _mm256_or_si256;
        xor: _mm256_xor_si256;
        equal: _mm256_cmpeq_epi64;
    }

    #[inline(always)]
    fn splat(word: u64) -> Self {
        // SAFETY: see the head of `super`.
        Self(unsafe { _mm256_set1_epi64x(word.cast_signed()) })
    }

    #[inline(always)]
    fn load(word: impl Fn(usize) -> u64) -> Self {
        let words = [word(0), word(1), word(2), word(3)];
        // SAFETY: both are 32 bytes of integers, for which every value is valid.
        Self(unsafe { std::mem::transmute::<[u64; 4], __m256i>(words) })
    }

    #[inline(always)]
    fn store(self) -> [u64; 4] {
        // SAFETY: as in `load`.
        unsafe { std::mem::transmute::<__m256i, [u64; 4]>(self.0) }
    }

    #[inline(always)]
    fn shift_left<const BITS: i32>(self) -> Self {
        // SAFETY: see the head of `super`.
        Self(unsafe { _mm256_slli_epi64::<BITS>(self.0) })
    }

    #[inline(always)]
    fn shift_right<const BITS: i32>(self) -> Self {
        // SAFETY: see the head of `super`.
        Self(unsafe { _mm256_srli_epi64::<BITS>(self.0) })
    }

    #[inline(always)]
    fn select(mask: Self, yes: Self, no: Self) -> Self {
        // SAFETY: see the head of `super`.
        Self(unsafe { _mm256_blendv_epi8(no.0, yes.0, mask.0) })
    }

    #[inline(always)]
    fn opaque(self) -> Self {
        #[inline]
        #[target_feature(enable = "avx2,fma")]
        fn hide(mut register: __m256i) -> __m256i {
            // Not `pure`, so that the compiler also keeps the order of such values.
            // SAFETY: it runs no instruction.
            unsafe {
                std::arch::asm!(
                    "/* {} */",
                    inout(ymm_reg) register,
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
        #[target_feature(enable = "avx2,fma")]
        fn run<R>(f: impl FnOnce() -> R) -> R {
            f()
        }
        // SAFETY: see the head of `super`.
        unsafe { run(f) }
    }
}

impl FloatLanes for Vector {
    #[inline(always)]
    fn mul_add_float(self, b: Self, c: Self) -> Self {
        // SAFETY: see the head of `super`.
        Self::of_float(unsafe { _mm256_fmadd_pd(self.float(), b.float(), c.float()) })
    }

    #[inline(always)]
    fn add_float(self, b: Self) -> Self {
        // SAFETY: see the head of `super`.
        Self::of_float(unsafe { _mm256_add_pd(self.float(), b.float()) })
    }

    #[inline(always)]
    fn sub_float(self, b: Self) -> Self {
        // SAFETY: see the head of `super`.
        Self::of_float(unsafe { _mm256_sub_pd(self.float(), b.float()) })
    }
}

impl Zeroize for Vector {
    fn zeroize(&mut self) {
        self.0.zeroize();
    }
}
