//! Taking connections, as many as there may be.

use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

use shakedown_scenarios::units::Span;
use tokio::net::TcpListener;
use tokio::sync::Semaphore;

use super::{Shared, connection};
use crate::clock::now;

/// How long to wait after a failure that will not be over at once: no descriptors, no memory.
const RELIEF: Span = Span::millis(50);

pub(super) async fn run(shared: Arc<Shared>, listener: TcpListener) {
    let places = Arc::new(Semaphore::new(shared.limits.connections_max.clamp(1, Semaphore::MAX_PERMITS)));
    loop {
        let place = Arc::clone(&places).acquire_owned().await.expect("nobody closes it");
        match listener.accept().await {
            Ok((stream, _)) => {
                shared.counters.accepted.fetch_add(1, Relaxed);
                let connection = connection::run(Arc::clone(&shared), stream);
                shared.spawn(async move {
                    connection.await;
                    drop(place);
                });
            }
            // Whatever it is, the next attempt may work, and a proxy that stops would be a fault nobody asked for.
            Err(_) => tokio::time::sleep_until(now() + RELIEF.duration()).await,
        }
    }
}
