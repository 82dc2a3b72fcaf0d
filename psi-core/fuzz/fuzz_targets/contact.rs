//! See `psi_core_fuzz`, module `contact`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| psi_core_fuzz::run("contact", data));
