//! libFuzzer on `http1`.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| shakedown_fuzz::http1::check(bytes));
