//! The main thread: shows each image when it is due, and lives through what happens.

use std::collections::VecDeque;
use std::path::Path;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::{Duration, Instant, SystemTime};

use sd_notify::NotifyState;
use thiserror::Error;

use super::backoff::Backoff;
use super::calendar::until_tomorrow;
use super::events::Event;
use super::frame::Frame;
use super::maker::Maker;
use super::pace::Pace;
use super::stats::Stats;
use super::studio::StudioError;
use super::watch::Watch;
use crate::display::{Display, DisplayError, Facts};
use crate::options::Mode;
use crate::picture::Canvas;

/// Images that are made ahead.
const AHEAD: usize = 2;
/// Longest sleep, where nothing is due.
const LONGEST: Duration = Duration::from_secs(3600);

/// Opens a display, at the start and again after it has failed.
pub type Open = Box<dyn FnMut() -> Result<Box<dyn Display>, DisplayError>>;

/// Why the program ends with an error.
#[derive(Debug, Error)]
pub enum PlayerError {
    /// No image can be made.
    #[error(transparent)]
    Studio(#[from] StudioError),
    /// The thread that makes images has ended.
    #[error("the thread that makes images has ended; what it said stands above")]
    Maker,
    /// The display cannot be left clean.
    #[error("at the end: {0}")]
    Finish(#[source] DisplayError),
}

/// When images are shown.
#[derive(Clone, Copy, Debug)]
pub struct Timing {
    /// What is shown.
    pub mode: Mode,
    /// Time from one to the next.
    pub period: Duration,
    /// How many, if not for ever.
    pub frames: Option<u64>,
    /// Whether to print what they take.
    pub stats: bool,
    /// The first pause after a failure.
    pub pause: Duration,
}

/// The main thread's state.
pub struct Player {
    open: Open,
    display: Option<Box<dyn Display>>,
    facts: Facts,
    maker: Maker,
    events: Receiver<Event>,
    timing: Timing,
    pace: Pace,
    stats: Stats,
    watch: Option<Watch>,
    /// Canvases that wait for an image, and images that wait for their time.
    idle: Vec<Canvas>,
    ready: VecDeque<Frame>,
    /// Images of an earlier round are not shown.
    round: u32,
    /// A button holds the image.
    held: bool,
    backoff: Backoff,
    retry: Option<Instant>,
    /// How often systemd wants to hear from us, and when next.
    watchdog: Option<(Duration, Instant)>,
}

impl Player {
    /// Begins with an open display.
    #[must_use]
    pub fn new(
        open: Open,
        display: Box<dyn Display>,
        maker: Maker,
        events: Receiver<Event>,
        timing: Timing,
        watched: Option<&Path>,
    ) -> Self {
        let now = Instant::now();
        let facts = display.facts();
        // A mode that stands still needs its image when it is due, not before.
        let canvases = if ahead(timing.mode) { AHEAD } else { 1 };
        let half = |time: Duration| (time / 2, now);
        Self {
            open,
            display: Some(display),
            facts,
            maker,
            events,
            timing,
            pace: Pace::new(timing.period, now),
            stats: Stats::new(now),
            watch: watched.map(|path| Watch::new(path, now)),
            idle: vec![Canvas::new(facts.width, facts.height); canvases],
            ready: VecDeque::with_capacity(AHEAD),
            round: 0,
            held: false,
            backoff: Backoff::new(timing.pause),
            retry: None,
            watchdog: sd_notify::watchdog_enabled().map(half),
        }
    }

    /// Shows images until it is told to stop, or as many as were asked for. The display is left
    /// clean. Returns how many were shown.
    ///
    /// # Errors
    /// [`PlayerError`].
    pub fn play(mut self) -> Result<u64, PlayerError> {
        let ended = self.until_stopped();
        let _ = sd_notify::notify(&[NotifyState::Stopping]);
        self.maker.close();
        let finished = match &mut self.display {
            Some(display) => display.finish(),
            None => Ok(()),
        };
        // The maker may wait for room among the events.
        drop(self.events);
        ended?;
        match finished {
            Ok(()) | Err(DisplayError::Closed) => Ok(self.stats.all()),
            Err(error) => Err(PlayerError::Finish(error)),
        }
    }

    fn until_stopped(&mut self) -> Result<(), PlayerError> {
        loop {
            let now = Instant::now();
            self.ping(now);
            self.reopen(now);
            if ahead(self.timing.mode) || (now >= self.pace.due() && self.ready.is_empty()) {
                self.order()?;
            }
            let show = self.display.is_some() && !self.held && now >= self.pace.due();
            if show && let Some(frame) = self.ready.pop_front() {
                if !self.show(frame) {
                    return Ok(());
                }
                continue;
            }
            if self.watch.as_mut().is_some_and(|watch| watch.changed(now)) {
                self.reload(now)?;
            }
            match self.events.recv_timeout(self.sleep(now)) {
                Ok(Event::Stop) => return Ok(()),
                Ok(event) => self.happened(event)?,
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return Err(PlayerError::Maker),
            }
        }
    }

    /// Gives the maker all canvases that wait.
    fn order(&mut self) -> Result<(), PlayerError> {
        while let Some(canvas) = self.idle.pop() {
            if !self.maker.make(canvas) {
                return Err(self.why_no_maker());
            }
        }
        Ok(())
    }

    /// What the maker said when it ended.
    fn why_no_maker(&self) -> PlayerError {
        let failed = self.events.try_iter().find_map(|event| match event {
            Event::Failed(error) => Some(error),
            _ => None,
        });
        failed.map_or(PlayerError::Maker, PlayerError::Studio)
    }

    fn happened(&mut self, event: Event) -> Result<(), PlayerError> {
        let now = Instant::now();
        match event {
            Event::Frame(frame) if frame.round < self.round => self.idle.push(frame.canvas),
            Event::Frame(frame) => {
                // A new model's first image need not wait for its time.
                if frame.round > self.round {
                    self.round = frame.round;
                    self.forget();
                    self.pace.hurry(now);
                }
                self.ready.push_back(frame);
            }
            Event::Failed(error) => return Err(error.into()),
            Event::Reload => self.reload(now)?,
            Event::Next => {
                self.held = false;
                let asked = self.maker.skip();
                self.another(asked, now)?;
            }
            Event::Class => {
                let asked = self.maker.class();
                self.another(asked, now)?;
            }
            Event::Hold => {
                self.held = !self.held;
                if !self.held {
                    self.pace.hurry(now);
                }
            }
            // Told by the caller.
            Event::Stop => {}
        }
        Ok(())
    }

    /// After a button: what was made before it is not shown.
    fn another(&mut self, asked: bool, now: Instant) -> Result<(), PlayerError> {
        if !asked {
            return Err(self.why_no_maker());
        }
        self.round += 1;
        self.forget();
        self.pace.hurry(now);
        Ok(())
    }

    fn reload(&mut self, now: Instant) -> Result<(), PlayerError> {
        if !self.maker.reload() {
            return Err(self.why_no_maker());
        }
        // A mode that stands still would not ask for an image of the new model.
        if !ahead(self.timing.mode) {
            self.pace.hurry(now);
        }
        Ok(())
    }

    /// Images that wait become canvases.
    fn forget(&mut self) {
        let ready = &mut self.ready;
        self.idle.extend(ready.drain(..).map(|frame| frame.canvas));
    }

    /// Shows an image; false if it was the last.
    fn show(&mut self, frame: Frame) -> bool {
        let Some(display) = &mut self.display else {
            return true;
        };
        let begin = Instant::now();
        let shown = display.show(&frame.canvas);
        let now = Instant::now();
        match shown {
            Ok(()) => {
                self.backoff.reset();
                self.stats.add(frame.took, now - begin);
                self.idle.push(frame.canvas);
                if self.stats.all() == 1 {
                    // Without systemd this does nothing.
                    let _ = sd_notify::notify(&[NotifyState::Ready]);
                }
                if let Some(slower) = self.pace.shown(now) {
                    eprintln!(
                        "this device shows an image every {:.0?}, not every {:.0?}: the rate is lowered",
                        slower.now, slower.asked
                    );
                }
                match self.timing.mode {
                    Mode::Still => self.pace.wait_until(now + LONGEST * 24 * 365),
                    Mode::Daily => {
                        self.pace
                            .wait_until(now + until_tomorrow(SystemTime::now()));
                    }
                    _ => {}
                }
            }
            Err(DisplayError::Closed) => return false,
            Err(error) => {
                self.ready.push_front(frame);
                self.display = None;
                self.failed(&error, now);
            }
        }
        if self.timing.stats
            && let Some(line) = self.stats.line(now)
        {
            eprintln!("{line}");
        }
        self.timing
            .frames
            .is_none_or(|frames| self.stats.all() < frames)
    }

    /// Opens the display again, when its time has come.
    fn reopen(&mut self, now: Instant) {
        if self.display.is_some() || self.retry.is_none_or(|retry| now < retry) {
            return;
        }
        match (self.open)() {
            Ok(display) if display.facts() == self.facts => {
                eprintln!("the display is there again");
                self.display = Some(display);
                self.retry = None;
                self.pace.hurry(now);
            }
            Ok(_) => {
                let error = DisplayError::Argument {
                    name: "",
                    expected: "a display of the size it had",
                    found: "another".into(),
                };
                self.failed(&error, now);
            }
            Err(error) => self.failed(&error, now),
        }
    }

    fn failed(&mut self, error: &DisplayError, now: Instant) {
        let pause = self.backoff.pause();
        eprintln!("{error}; next attempt in {pause:?}");
        self.retry = Some(now + pause);
    }

    /// Tells systemd that all is well.
    fn ping(&mut self, now: Instant) {
        if let Some((every, next)) = &mut self.watchdog
            && now >= *next
        {
            *next = now + *every;
            let _ = sd_notify::notify(&[NotifyState::Watchdog]);
        }
    }

    /// How long nothing is due.
    fn sleep(&self, now: Instant) -> Duration {
        let mut wake = now + LONGEST;
        let mut at = |time: Instant| wake = wake.min(time);
        if let Some((_, next)) = self.watchdog {
            at(next);
        }
        if let Some(watch) = &self.watch {
            at(watch.next());
        }
        if let Some(retry) = self.retry {
            at(retry);
        }
        let waits = !self.ready.is_empty() || (!ahead(self.timing.mode) && !self.idle.is_empty());
        if waits && self.display.is_some() && !self.held {
            at(self.pace.due());
        }
        wake.saturating_duration_since(now)
    }
}

/// Whether a mode's images can be made before they are due.
const fn ahead(mode: Mode) -> bool {
    !matches!(mode, Mode::Still | Mode::Daily)
}
