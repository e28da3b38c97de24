//! The thread that makes images ahead.

use std::io;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::{self, JoinHandle};
use std::time::Instant;

use super::events::Event;
use super::frame::Frame;
use super::studio::{Look, Studio, StudioError};
use crate::display::Facts;
use crate::model::Source;
use crate::options::Mode;
use crate::picture::Canvas;

/// Room for orders; more than canvases and buttons in one moment.
const ORDERS: usize = 32;

/// What the thread is told.
enum Task {
    /// Make an image on this canvas.
    Make(Canvas),
    /// Read the model's file again.
    Reload,
    /// Another image, where the mode stands still.
    Skip,
    /// The next class.
    Class,
}

/// The thread. It ends when this is dropped.
pub struct Maker {
    tasks: Option<SyncSender<Task>>,
    thread: Option<JoinHandle<()>>,
}

impl Maker {
    /// Begins the thread. `source` is where a new model is read from.
    ///
    /// # Errors
    /// Those of the system.
    pub fn begin(
        studio: Studio,
        source: Source,
        facts: Facts,
        look: Look,
        events: SyncSender<Event>,
    ) -> io::Result<Self> {
        let (tasks, inbox) = sync_channel(ORDERS);
        let worker = Worker {
            source,
            facts,
            look,
            inbox,
            events,
            round: 0,
        };
        let thread = thread::Builder::new()
            .name("maker".into())
            .spawn(move || worker.work(studio))?;
        Ok(Self {
            tasks: Some(tasks),
            thread: Some(thread),
        })
    }

    /// Asks for an image on this canvas; false if the thread has ended.
    pub fn make(&self, canvas: Canvas) -> bool {
        self.send(Task::Make(canvas))
    }

    /// Asks to read the model again.
    pub fn reload(&self) -> bool {
        self.send(Task::Reload)
    }

    /// Asks for another image, where the mode stands still.
    pub fn skip(&self) -> bool {
        self.send(Task::Skip)
    }

    /// Asks for the next class.
    pub fn class(&self) -> bool {
        self.send(Task::Class)
    }

    fn send(&self, task: Task) -> bool {
        self.tasks
            .as_ref()
            .is_some_and(|tasks| tasks.send(task).is_ok())
    }

    /// Tells the thread to end, without waiting for the image it makes.
    pub fn close(&mut self) {
        self.tasks = None;
    }
}

impl Drop for Maker {
    fn drop(&mut self) {
        self.tasks = None;
        if let Some(thread) = self.thread.take() {
            // A thread that panicked has said so.
            let _ = thread.join();
        }
    }
}

struct Worker {
    source: Source,
    facts: Facts,
    look: Look,
    inbox: Receiver<Task>,
    events: SyncSender<Event>,
    round: u32,
}

impl Worker {
    /// Until nobody asks any more.
    fn work(mut self, mut studio: Studio) {
        let mut seed = self.look.seed;
        loop {
            match self.with_model(&mut studio, &mut seed) {
                Ok(Some(next)) => studio = next,
                Ok(None) => return,
                Err(error) => {
                    let _ = self.events.send(Event::Failed(error));
                    return;
                }
            }
        }
    }

    /// Makes images of one model. Returns the next one, or `None` when nobody asks any more. `seed`
    /// is where a walk begins, and where it has come to.
    fn with_model(
        &mut self,
        studio: &mut Studio,
        seed: &mut u64,
    ) -> Result<Option<Studio>, StudioError> {
        let mut keys = studio.walk_buffer();
        let mut walk = match self.look.mode {
            Mode::Walk => Some(studio.walk(*seed, self.look.steps, &mut keys)?),
            _ => None,
        };
        while let Ok(task) = self.inbox.recv() {
            match task {
                Task::Make(mut canvas) => {
                    let begin = Instant::now();
                    let order = studio.make(walk.as_mut(), &mut canvas)?;
                    *seed = order.seed;
                    let frame = Frame {
                        canvas,
                        took: begin.elapsed(),
                        seed: order.seed,
                        round: self.round,
                    };
                    if self.events.send(Event::Frame(frame)).is_err() {
                        return Ok(None);
                    }
                }
                Task::Skip => {
                    self.round += 1;
                    studio.skip();
                }
                Task::Class => {
                    self.round += 1;
                    studio.next_class();
                }
                Task::Reload => {
                    if let Some(next) = self.reload() {
                        return Ok(Some(next));
                    }
                }
            }
        }
        Ok(None)
    }

    /// A new model, if it is sound; else it is told and the one before stays.
    fn reload(&mut self) -> Option<Studio> {
        let model = self.source.open().map_err(StudioError::from);
        match model.and_then(|model| Studio::new(model, &self.facts, &self.look)) {
            Ok(studio) => {
                eprintln!(
                    "{}: a new model, {}",
                    self.source.path().display(),
                    studio.model().name
                );
                self.round += 1;
                Some(studio)
            }
            Err(error) => {
                eprintln!("the model before it stays: {error}");
                None
            }
        }
    }
}
