//! libFuzzer on `api`.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| shakedown_fuzz::api::check(bytes));
