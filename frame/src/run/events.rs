//! What happens beside the images.

use std::io;
use std::sync::mpsc::SyncSender;
use std::thread;

use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::iterator::Signals;

use super::frame::Frame;
use super::studio::StudioError;

/// What the main thread waits for.
#[derive(Debug)]
pub enum Event {
    /// An image is made.
    Frame(Frame),
    /// The maker cannot go on.
    Failed(StudioError),
    /// The program is to end.
    Stop,
    /// The model's file is to be read again.
    Reload,
    /// A button: another image.
    Next,
    /// A button: this image stays, or no longer.
    Hold,
    /// A button: the next class.
    Class,
}

/// Sends the signals of the process as events, from a thread of their own: SIGTERM and SIGINT end
/// it, SIGHUP reads the model again.
///
/// # Errors
/// Those of the system.
pub fn signals(events: SyncSender<Event>) -> io::Result<()> {
    let mut signals = Signals::new([SIGTERM, SIGINT, SIGHUP])?;
    thread::Builder::new()
        .name("signals".into())
        .spawn(move || {
            for signal in signals.forever() {
                let event = match signal {
                    SIGHUP => Event::Reload,
                    _ => Event::Stop,
                };
                if events.send(event).is_err() {
                    break;
                }
            }
        })?;
    Ok(())
}
