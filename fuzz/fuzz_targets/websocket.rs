//! libFuzzer on `websocket`.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| shakedown_fuzz::websocket::check(bytes));
