//! A panic anywhere in the harness ends the run: whatever panicked, what it was to do is not done any more.
//!
//! Tasks of the proxy, supervisors and threads have nobody who waits for their end, so the panic itself must tell.

use std::panic::{self, PanicHookInfo};
use std::sync::{Mutex, PoisonError};

use tokio::sync::mpsc;

use super::Happening;

/// The runner that is told. The hook stays for the process's life and must not keep an old run's channel open.
static TOLD: Mutex<Option<mpsc::WeakSender<Happening>>> = Mutex::new(None);

/// From now on, panics are told to this runner, beside being printed as ever.
pub fn watch(happenings: &mpsc::Sender<Happening>) {
    let before = TOLD.lock().unwrap_or_else(PoisonError::into_inner).replace(happenings.downgrade());
    if before.is_none() {
        let usual = panic::take_hook();
        panic::set_hook(Box::new(move |panic| {
            usual(panic);
            tell(panic);
        }));
    }
}

fn tell(panic: &PanicHookInfo<'_>) {
    let told = TOLD.try_lock().ok().and_then(|told| told.as_ref()?.upgrade());
    let Some(happenings) = told else { return };
    let place = panic.location().map_or_else(String::new, |at| format!(" at {}:{}", at.file(), at.line()));
    let said = panic.payload_as_str().unwrap_or("no message");
    // A runner that is so far behind that nothing fits is about to be told by the closing channel.
    let _ = happenings.try_send(Happening::Broken(format!("a panic in the harness{place}: {said}")));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_panic_nobody_waits_for_is_told() {
        let (sender, mut inbox) = mpsc::channel(4);
        watch(&sender);
        let task = tokio::spawn(async { panic!("planted") });
        assert!(task.await.is_err());
        // Other tests of this process may panic on purpose at the same time.
        while let Some(happening) = inbox.recv().await {
            if matches!(&happening, Happening::Broken(why) if why.contains("planted") && why.contains("panics.rs"))
            {
                return;
            }
        }
        unreachable!("the sender is alive");
    }
}
