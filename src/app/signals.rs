//! Owns what the process does with signals.
//! Must not know: how anything is stopped.

use std::{
    io,
    sync::{Arc, atomic::AtomicBool},
};

use tokio::signal::unix::{Signal, SignalKind, signal};

/// The signals that ask the process to stop.
#[derive(Debug)]
pub struct Signals {
    terminate: Signal,
    interrupt: Signal,
}

impl Signals {
    /// From here on SIGTERM and SIGINT do not end the process, but are to be waited for.
    ///
    /// # Errors
    /// The system refuses a handler.
    pub fn watch() -> io::Result<Self> {
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
        })
    }

    /// Waits for the next of them; answers its name.
    pub async fn next(&mut self) -> &'static str {
        tokio::select! {
            _ = self.terminate.recv() => "SIGTERM",
            _ = self.interrupt.recv() => "SIGINT",
        }
    }
}

/// From here on a file that grows beyond the process's limit is an error of that write, and not the process's end.
///
/// # Errors
/// The system refuses a handler.
pub fn survive_file_size_limit() -> io::Result<()> {
    // Nobody reads the flag: what counts is that there is a handler in place of the default.
    let flag = Arc::new(AtomicBool::new(false));
    signal_hook::flag::register(signal_hook::consts::SIGXFSZ, flag)?;
    Ok(())
}
