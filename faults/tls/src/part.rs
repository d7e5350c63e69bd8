//! Parting from a client so that it hears the last words.
//!
//! Closing a socket while bytes of the other side are unread makes the kernel send a reset, which may overtake and
//! discard what was written before. So we end our side, and read until the other one has ended too.

use shakedown_scenarios::units::Span;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// How long a client may take to end its side after ours has ended.
const PART_WITHIN: Span = Span::secs(1);

/// Sends the last words, ends our side, and waits a second at the most for the other side to end.
pub(crate) async fn part(mut tcp: TcpStream, last_words: &[u8]) {
    let parting = async {
        tcp.write_all(last_words).await?;
        tcp.shutdown().await?;
        let mut sink = [0; 1_024];
        while tcp.read(&mut sink).await? > 0 {}
        std::io::Result::Ok(())
    };
    // A client that left early or does not leave at all is no concern: the connection is over either way.
    let _ = tokio::time::timeout(PART_WITHIN.duration(), parting).await;
}
