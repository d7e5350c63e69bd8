//! A small HTTP server that grows in one way, or in none. For record.py, which compiles it with rustc alone;
//! `server PORT MODE`.

use std::collections::VecDeque;
use std::fs::File;
use std::io::{Read as _, Write as _};
use std::net::TcpListener;

fn main() -> std::io::Result<()> {
    let mut arguments = std::env::args().skip(1);
    let (port, mode) = (arguments.next().unwrap_or_default(), arguments.next().unwrap_or_default());
    let listener = TcpListener::bind(format!("127.0.0.1:{port}"))?;
    let (mut kept, mut cache, mut files) = (Vec::new(), VecDeque::new(), Vec::new());
    for (count, stream) in listener.incoming().enumerate() {
        let mut stream = stream?;
        let mut request = [0; 4096];
        // A client that went away is no reason to end.
        let _ = stream.read(&mut request);
        let body = vec![count as u8; 4096];
        let answer = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\nConnection: close\r\n\r\n", body.len());
        let _ = stream.write_all(answer.as_bytes()).and_then(|()| stream.write_all(&body));
        match mode.as_str() {
            "leak" => kept.push(body),
            "slow-leak" if count % 20 == 0 => kept.push(body),
            "fd-leak" if count % 10 == 0 => files.push(File::open("/dev/null")?),
            "cache" => {
                cache.push_back(body);
                if cache.len() > 1_000 {
                    cache.pop_front();
                }
            }
            _ => {}
        }
    }
    Ok(())
}
