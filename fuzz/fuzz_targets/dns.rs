//! libFuzzer on `dns`.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| shakedown_fuzz::dns::check(bytes));
