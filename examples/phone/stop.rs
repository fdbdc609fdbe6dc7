//! What asks the phone to end from outside: Ctrl-C, and on Unix SIGTERM and SIGHUP.

use std::future::Future;
use std::io;

/// Listens from now on, and is done when the first of them comes.
#[cfg(unix)]
pub(crate) fn asked_to_stop() -> io::Result<impl Future<Output = ()>> {
    use tokio::signal::unix::{SignalKind, signal};
    // Raw mode turns Ctrl-C into a key; this is the signal from elsewhere.
    let mut interrupt = signal(SignalKind::interrupt())?;
    let (mut terminate, mut hang_up) = (signal(SignalKind::terminate())?, signal(SignalKind::hangup())?);
    Ok(async move {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
            _ = hang_up.recv() => {}
        }
    })
}

/// Listens from now on, and is done when it comes.
#[cfg(windows)]
pub(crate) fn asked_to_stop() -> io::Result<impl Future<Output = ()>> {
    let mut ctrl_c = tokio::signal::windows::ctrl_c()?;
    Ok(async move {
        // Nothing more comes once the runtime ends.
        let _ = ctrl_c.recv().await;
    })
}
