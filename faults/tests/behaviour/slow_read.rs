//! A slow reader: the sender's own buffers fill up.

use crate::chain::Chain;
use crate::script::{Step, compare, send};
use shakedown_faults::toxic::Toxic;
use shakedown_scenarios::units::{Bandwidth, Size, Span};

#[test]
fn it_takes_no_faster_than_it_may_and_loses_nothing() {
    // So little that it is read at once, on paper as on the wire.
    let toxic = Toxic::SlowRead { rate: Bandwidth::bytes_per_second(100_000), window: None };
    compare(&[Step::Inject(1, toxic), send("little"), Step::Wait(50)], |seen, direction| {
        assert_eq!(seen.bytes, b"little", "{direction:?}");
    });
}

#[test]
fn a_slow_reader_reads_no_faster_than_it_may() {
    let toxic =
        Toxic::SlowRead { rate: Bandwidth::bytes_per_second(10_000), window: Some(Size::bytes(4_096)) };
    let mut chain = Chain::under(toxic);
    assert_eq!(chain.pipe.window(), Some(Size::bytes(4_096)));
    let mut read = 0;
    while chain.now < Span::secs(2) {
        match chain.pipe.room(chain.now, true) {
            (0, Some(again)) => chain.run_until(again),
            (room, _) => {
                chain.take(&vec![0; room]);
                read += room;
            }
        }
    }
    assert!((19_000..=20_200).contains(&read), "{read}");
}
