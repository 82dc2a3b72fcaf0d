//! All kernels of this machine against the portable one, that is, curve25519-dalek.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| psi_core_fuzz::kernels_agree(data));
