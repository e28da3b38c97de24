//! A frame that never shows the same image twice: walk, generate, fit, dither, draw, wait.
//!
//! ```
//! use dreamlet_runtime::frames::{Clock, Frames, Refresh, Update};
//! use dreamlet_runtime::latent::Walk;
//! use dreamlet_runtime::{Engine, ModelFile, include_model};
//! use embedded_graphics::{mock_display::MockDisplay, pixelcolor::Gray8};
//!
//! const DIGITS: ModelFile = include_model!("../../models/pico/pico.dream");
//! # struct Board(u64);
//! # impl Clock for Board {
//! #     fn now_ms(&mut self) -> u64 { self.0 }
//! #     fn sleep_ms(&mut self, ms: u64) { self.0 += ms; }
//! # }
//! # let mut board = Board(0);
//! # let mut display = MockDisplay::<Gray8>::new();
//! # display.set_allow_overdraw(true);
//! let mut latent = [0.0; DIGITS.latent_len()];
//! let mut keys = [0.0; 4 * DIGITS.latent_len()];
//! let mut scratch = [0; DIGITS.rows_scratch_len()];
//! let mut image = [0; DIGITS.image_len()];
//!
//! let engine = Engine::new(DIGITS.model()?);
//! let distribution = engine.model().distribution();
//! let walk = Walk::new(distribution, 42, 30, Some(0.8), latent.len(), &mut keys)?;
//! let mut frames = Frames::new(engine, walk, &mut latent, &mut scratch, &mut image)?
//!     .class(7)
//!     .every_ms(40)
//!     .refresh(Refresh::FullEvery(20));
//! for _ in 0..3 {
//!     // An e-paper driver is told by `update` how to show what has been drawn.
//!     let update: Update = frames.next(&mut display, &mut board)?;
//! }
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

use core::fmt;

use embedded_graphics::pixelcolor::Rgb888;
use embedded_graphics::prelude::*;

use crate::draw::{ColorMap, Fit, Picture, Rotation};
use crate::engine::compiled::Engine;
use crate::error::Error;
use crate::generator::GenerateError;
use crate::image::{Bayer, Levels};
use crate::latent::Walk;

/// What tells the time and lets it pass; of a board, of an operating system, of a test.
pub trait Clock {
    /// Milliseconds since any moment; it never goes back.
    fn now_ms(&mut self) -> u64;
    /// Lets at least so many milliseconds pass.
    fn sleep_ms(&mut self, ms: u64);
}

/// How a display shows what has been drawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Update {
    /// By its slow waveform, which clears what earlier images have left.
    Full,
    /// By its quick one.
    Partial,
}

/// When a display is to be refreshed in full.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Refresh {
    /// For every image.
    #[default]
    Full,
    /// For the first image and then one in so many; 0 is never again.
    FullEvery(u32),
}

impl Refresh {
    const fn of(self, number: u64) -> Update {
        let full = match self {
            Self::Full => true,
            Self::FullEvery(every) => {
                number == 0 || matches!(number.checked_rem(every as u64), Some(0))
            }
        };
        if full { Update::Full } else { Update::Partial }
    }
}

/// Why there is no next image.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum FrameError<E> {
    /// The engine, the walk, or a buffer.
    Image(Error),
    /// The display's own error.
    Display(E),
}

impl<E: fmt::Debug> fmt::Display for FrameError<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Image(error) => error.fmt(f),
            Self::Display(error) => write!(f, "the display fails: {error:?}"),
        }
    }
}

impl<E: fmt::Debug> core::error::Error for FrameError<E> {}

/// Images of a walk on a display, in the middle of it. All memory is the caller's.
#[derive(Debug)]
pub struct Frames<'b, 'm> {
    engine: Engine<'m>,
    walk: Walk<'b>,
    latent: &'b mut [f32],
    scratch: &'b mut [u8],
    image: &'b mut [u8],
    class: Option<usize>,
    fit: Fit,
    rotation: Rotation,
    map: Option<ColorMap>,
    smooth: bool,
    dither: Option<(Bayer, Levels)>,
    refresh: Refresh,
    period: u64,
    /// When the next image is due.
    due: Option<u64>,
    number: u64,
}

impl<'b, 'm> Frames<'b, 'm> {
    /// Begins; nothing is drawn yet. Buffers are as for
    /// [`Engine::generate_u8`], and `latent` has the length of the walk's.
    ///
    /// # Errors
    /// [`GenerateError`] if a buffer has another length than the model needs.
    pub fn new(
        engine: Engine<'m>,
        walk: Walk<'b>,
        latent: &'b mut [f32],
        scratch: &'b mut [u8],
        image: &'b mut [u8],
    ) -> Result<Self, GenerateError> {
        let model = engine.model();
        let (expected, found) = (model.latent_len(), latent.len());
        if expected != found {
            return Err(GenerateError::LatentLength { expected, found });
        }
        let (expected, found) = (model.image_len(), image.len());
        if expected != found {
            return Err(GenerateError::ImageLength { expected, found });
        }
        let (expected, found) = (engine.rows_scratch_len(), scratch.len());
        if expected > found {
            return Err(GenerateError::ScratchLength { expected, found });
        }
        Ok(Self {
            engine,
            walk,
            latent,
            scratch,
            image,
            class: None,
            fit: Fit::Contain,
            rotation: Rotation::Deg0,
            map: None,
            smooth: false,
            dither: None,
            refresh: Refresh::Full,
            period: 0,
            due: None,
            number: 0,
        })
    }

    /// The class of a conditional generator.
    #[must_use]
    pub const fn class(mut self, class: usize) -> Self {
        self.class = Some(class);
        self
    }

    /// How large images become.
    #[must_use]
    pub const fn fit(mut self, fit: Fit) -> Self {
        self.fit = fit;
        self
    }

    /// By how much they are turned.
    #[must_use]
    pub const fn rotated(mut self, rotation: Rotation) -> Self {
        self.rotation = rotation;
        self
    }

    /// Colours for grey images.
    #[must_use]
    pub const fn color_map(mut self, map: ColorMap) -> Self {
        self.map = Some(map);
        self
    }

    /// Bilinear between pixels, and not squares.
    #[must_use]
    pub const fn smooth(mut self) -> Self {
        self.smooth = true;
        self
    }

    /// In few greys by ordered dithering, which does not flicker from image to image.
    #[must_use]
    pub const fn dithered(mut self, bayer: Bayer, levels: Levels) -> Self {
        self.dither = Some((bayer, levels));
        self
    }

    /// From one image to the next; without it images come as fast as they are made.
    #[must_use]
    pub const fn every_ms(mut self, period: u64) -> Self {
        self.period = period;
        self
    }

    /// When an e-paper display is refreshed in full.
    #[must_use]
    pub const fn refresh(mut self, refresh: Refresh) -> Self {
        self.refresh = refresh;
        self
    }

    /// Makes the next image, waits until it is due and draws it; the first one with the border
    /// around it. An image that is late is drawn at once, and the next one is due a period later.
    ///
    /// # Errors
    /// [`FrameError`]. The next call tries the next image.
    pub fn next<D>(
        &mut self,
        display: &mut D,
        clock: &mut impl Clock,
    ) -> Result<Update, FrameError<D::Error>>
    where
        D: DrawTarget + OriginDimensions,
        D::Color: From<Rgb888>,
    {
        self.make().map_err(FrameError::Image)?;
        self.wait(clock);
        let shape = self.engine.model().shape();
        let picture = Picture::<D::Color>::from_hwc(self.image, shape)
            .map_err(|error| FrameError::Image(error.into()))?;
        let mut picture = picture.rotated(self.rotation);
        if let Some(map) = self.map {
            picture = picture.color_map(map);
        }
        if self.smooth {
            picture = picture.smooth();
        }
        if let Some((bayer, levels)) = self.dither {
            picture = picture.dithered(bayer, levels);
        }
        let fitted = picture.fitted(display.size(), self.fit);
        if self.number == 0 {
            fitted.draw_border(display).map_err(FrameError::Display)?;
        }
        fitted.draw_image(display).map_err(FrameError::Display)?;
        let update = self.refresh.of(self.number);
        self.number = self.number.wrapping_add(1);
        Ok(update)
    }

    fn make(&mut self) -> Result<(), Error> {
        self.walk.next_into(self.latent)?;
        self.engine
            .generate_u8(self.latent, self.class, self.scratch, self.image)?;
        Ok(())
    }

    fn wait(&mut self, clock: &mut impl Clock) {
        let now = clock.now_ms();
        let due = self.due.unwrap_or(now);
        if due > now {
            clock.sleep_ms(due - now);
        }
        self.due = Some(due.max(now).saturating_add(self.period));
    }
}

#[cfg(test)]
mod tests {
    use embedded_graphics::pixelcolor::Gray8;
    use embedded_graphics::primitives::Rectangle;
    use std::vec::Vec;

    use super::*;
    use crate::{ModelFile, include_model};

    const DIGITS: ModelFile = include_model!("../../models/pico/pico.dream");
    const LEN: usize = DIGITS.latent_len();

    #[derive(Default)]
    struct Time {
        now: u64,
        slept: Vec<u64>,
    }

    impl Clock for Time {
        fn now_ms(&mut self) -> u64 {
            // Each look takes 3 ms, as if an image had been made.
            self.now += 3;
            self.now
        }
        fn sleep_ms(&mut self, ms: u64) {
            self.now += ms;
            self.slept.push(ms);
        }
    }

    /// Counts what is drawn where.
    #[derive(Default)]
    struct Display {
        areas: Vec<Rectangle>,
        fails: bool,
    }

    impl OriginDimensions for Display {
        fn size(&self) -> Size {
            Size::new(64, 32)
        }
    }

    impl DrawTarget for Display {
        type Color = Gray8;
        type Error = &'static str;
        fn draw_iter<I: IntoIterator<Item = Pixel<Gray8>>>(
            &mut self,
            _: I,
        ) -> Result<(), Self::Error> {
            Ok(())
        }
        fn fill_contiguous<I: IntoIterator<Item = Gray8>>(
            &mut self,
            area: &Rectangle,
            colors: I,
        ) -> Result<(), Self::Error> {
            let pixels = (area.size.width * area.size.height) as usize;
            assert_eq!(colors.into_iter().take(pixels).count(), pixels);
            self.areas.push(*area);
            if self.fails { Err("gone") } else { Ok(()) }
        }
    }

    fn with_frames(test: impl FnOnce(Frames<'_, '_>)) {
        let (mut latent, mut keys) = ([0.0; LEN], [0.0; 4 * LEN]);
        let mut scratch = [0; DIGITS.rows_scratch_len()];
        let mut image = [0; DIGITS.image_len()];
        let engine = Engine::new(DIGITS.model().unwrap());
        let distribution = engine.model().distribution();
        let walk = Walk::new(distribution, 1, 4, None, LEN, &mut keys).unwrap();
        test(
            Frames::new(engine, walk, &mut latent, &mut scratch, &mut image)
                .unwrap()
                .class(3),
        );
    }

    #[test]
    fn the_border_is_drawn_once_and_images_in_the_middle() {
        with_frames(|frames| {
            let mut frames = frames.fit(Fit::Whole);
            let (mut display, mut time) = (Display::default(), Time::default());
            for _ in 0..3 {
                frames.next(&mut display, &mut time).unwrap();
            }
            let image = Rectangle::new(Point::new(18, 2), Size::new(28, 28));
            let images = display.areas.iter().filter(|area| **area == image).count();
            assert_eq!((images, display.areas.len()), (3, 3 + 4));
        });
    }

    #[test]
    fn frames_keep_their_pace_and_a_late_one_is_not_made_up_for() {
        with_frames(|frames| {
            let mut frames = frames.every_ms(50);
            let (mut display, mut time) = (Display::default(), Time::default());
            for late in [0, 0, 200, 0] {
                time.now += late;
                frames.next(&mut display, &mut time).unwrap();
            }
            assert_eq!(time.slept, [47, 47]);
        });
    }

    #[test]
    fn full_refreshes_come_first_and_then_as_often_as_was_said() {
        for (refresh, full) in [
            (Refresh::Full, &[0, 1, 2, 3, 4, 5, 6][..]),
            (Refresh::FullEvery(3), &[0, 3, 6]),
            (Refresh::FullEvery(0), &[0]),
        ] {
            let found: Vec<u64> = (0..7).filter(|n| refresh.of(*n) == Update::Full).collect();
            assert_eq!(found, full);
        }
    }

    #[test]
    fn an_error_of_the_display_is_given_back_and_the_border_is_tried_again() {
        with_frames(|mut frames| {
            let (mut display, mut time) = (Display::default(), Time::default());
            display.fails = true;
            let error = frames.next(&mut display, &mut time);
            assert_eq!(error, Err(FrameError::Display("gone")));
            display.fails = false;
            frames.next(&mut display, &mut time).unwrap();
            assert!(display.areas.len() > 2);
        });
    }
}
