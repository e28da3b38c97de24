//! E-paper panels of Waveshare, by epd-waveshare.

use std::fmt::Debug;
use std::marker::PhantomData;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use embedded_graphics::Pixel;
use embedded_graphics::pixelcolor::PixelColor;
use embedded_graphics::prelude::{DrawTarget, Point};
use embedded_hal::delay::DelayNs;
use embedded_hal::digital::{ErrorType, InputPin, OutputPin};
use embedded_hal::spi::SpiDevice;
use epd_waveshare::color::{Color, ColorType, OctColor, TriColor};
use epd_waveshare::graphics::Display as Buffer;
use epd_waveshare::prelude::WaveshareDisplay;
use epd_waveshare::{
    epd2in9_v2, epd2in13_v2, epd4in2, epd5in65f, epd5in83b_v2, epd7in3f, epd7in5_v2, epd7in5b_v2,
};
use linux_embedded_hal::Delay;

use super::bus;
use super::error::DisplayError;
use super::traits::{Display, Facts};
use crate::panel::Panel;
use crate::picture::{ACEP, Canvas, Ink, MONO, Palette, RED};

const SPEED: u32 = 4_000_000;
/// Longer than any panel refreshes.
const PATIENCE: Duration = Duration::from_secs(60);

/// A colour of a driver, from an ink.
pub trait OfInk: ColorType + PixelColor {
    /// The inks that there are.
    const PALETTE: Palette;
    /// The driver's colour.
    fn of(ink: Ink) -> Self;
}

impl OfInk for Color {
    const PALETTE: Palette = MONO;
    fn of(ink: Ink) -> Self {
        match ink {
            Ink::Black => Self::Black,
            _ => Self::White,
        }
    }
}

impl OfInk for TriColor {
    const PALETTE: Palette = RED;
    fn of(ink: Ink) -> Self {
        match ink {
            Ink::Black => Self::Black,
            Ink::White => Self::White,
            _ => Self::Chromatic,
        }
    }
}

impl OfInk for OctColor {
    const PALETTE: Palette = ACEP;
    fn of(ink: Ink) -> Self {
        match ink {
            Ink::Black => Self::Black,
            Ink::White => Self::White,
            Ink::Green => Self::Green,
            Ink::Blue => Self::Blue,
            Ink::Red => Self::Red,
            Ink::Yellow => Self::Yellow,
            Ink::Orange => Self::Orange,
        }
    }
}

/// The driver's memory of an image.
pub trait Memory: Default {
    /// The driver's colour.
    type Color: OfInk;
    /// Columns and rows.
    const SIZE: (usize, usize);
    /// Changes a pixel.
    fn set(&mut self, x: i32, y: i32, color: Self::Color);
    /// The bytes that are sent.
    fn bytes(&self) -> &[u8];
}

impl<const W: u32, const H: u32, const BWR: bool, const N: usize, C: OfInk> Memory
    for Buffer<W, H, BWR, N, C>
where
    Self: Default + DrawTarget<Color = C>,
{
    type Color = C;
    const SIZE: (usize, usize) = (W as usize, H as usize);

    fn set(&mut self, x: i32, y: i32, color: C) {
        // Memory does not fail.
        let _ = self.draw_iter([Pixel(Point::new(x, y), color)]);
    }

    fn bytes(&self) -> &[u8] {
        self.buffer()
    }
}

/// A panel on its wires.
pub struct EPaper<E, M, SPI, BUSY, DC, RST, D> {
    driver: E,
    /// The driver's type names the pins, and holds them.
    pins: PhantomData<(BUSY, DC, RST)>,
    memory: Box<M>,
    spi: SPI,
    delay: D,
    /// The panel has been busy for too long.
    stuck: Arc<AtomicBool>,
    asleep: bool,
    /// Black and white are sent as each other.
    negative: bool,
}

/// Opens a panel of the settings.
///
/// # Errors
/// [`DisplayError`].
pub fn open(name: &str, panel: &Panel) -> Result<Box<dyn Display>, DisplayError> {
    macro_rules! panel {
        ($module:ident, $driver:ident, $memory:ident) => {
            open_as::<$module::$driver<_, _, _, _, _>, $module::$memory>(name, panel)
        };
    }
    match name {
        "epd2in13" => panel!(epd2in13_v2, Epd2in13, Display2in13),
        "epd2in9" => panel!(epd2in9_v2, Epd2in9, Display2in9),
        "epd4in2" => panel!(epd4in2, Epd4in2, Display4in2),
        "epd7in5" => panel!(epd7in5_v2, Epd7in5, Display7in5),
        "epd5in83b" => panel!(epd5in83b_v2, Epd5in83, Display5in83),
        "epd7in5b" => panel!(epd7in5b_v2, Epd7in5, Display7in5),
        "epd5in65f" => panel!(epd5in65f, Epd5in65f, Display5in65f),
        "epd7in3f" => panel!(epd7in3f, Epd7in3f, Display7in3f),
        _ => Err(DisplayError::Unknown { found: name.into() }),
    }
}

type Pin = linux_embedded_hal::CdevPin;
type Device = linux_embedded_hal::SpidevDevice;

/// Panels that epd-waveshare 0.6 shows as negatives (its issue 256): it sends white as 1, and the
/// controller takes 0 for white.
fn negative(name: &str) -> bool {
    name == "epd7in5"
}

fn open_as<E, M>(name: &str, panel: &Panel) -> Result<Box<dyn Display>, DisplayError>
where
    E: WaveshareDisplay<Device, Patient<Pin>, Pin, Pin, Delay> + 'static,
    M: Memory + 'static,
{
    let spi = bus::spi(panel, SPEED)?;
    let dc = bus::output(panel, "dc", bus::needed("dc", panel.dc)?)?;
    let reset = bus::output(panel, "reset", bus::needed("reset", panel.reset)?)?;
    let busy = bus::input(panel, "busy", bus::needed("busy", panel.busy)?)?;
    let negative = negative(name) != panel.invert.unwrap_or(false);
    let panel = EPaper::<E, M, _, _, _, _, _>::new(spi, busy, dc, reset, Delay, negative)?;
    Ok(Box::new(panel))
}

impl<E, M, SPI, BUSY, DC, RST, D> EPaper<E, M, SPI, BUSY, DC, RST, D>
where
    M: Memory,
    SPI: SpiDevice,
    BUSY: InputPin,
    DC: OutputPin,
    RST: OutputPin,
    D: DelayNs,
    E: WaveshareDisplay<SPI, Patient<BUSY>, DC, RST, D>,
{
    /// A panel on these wires.
    ///
    /// # Errors
    /// [`DisplayError`].
    pub fn new(
        mut spi: SPI,
        busy: BUSY,
        dc: DC,
        reset: RST,
        mut delay: D,
        negative: bool,
    ) -> Result<Self, DisplayError> {
        let stuck = Arc::new(AtomicBool::new(false));
        let busy = Patient::new(busy, stuck.clone());
        let driver = E::new(&mut spi, busy, dc, reset, &mut delay, None);
        let panel = Self {
            driver: driver.map_err(|error| failed("setting the panel up", &error))?,
            pins: PhantomData,
            memory: Box::default(),
            spi,
            delay,
            stuck,
            asleep: false,
            negative,
        };
        panel.patience()?;
        Ok(panel)
    }

    /// An error if the panel was busy for too long.
    fn patience(&self) -> Result<(), DisplayError> {
        match self.stuck.load(Ordering::Relaxed) {
            false => Ok(()),
            true => Err(DisplayError::Busy {
                seconds: PATIENCE.as_secs(),
            }),
        }
    }
}

impl<E, M, SPI, BUSY, DC, RST, D> Display for EPaper<E, M, SPI, BUSY, DC, RST, D>
where
    M: Memory,
    SPI: SpiDevice,
    BUSY: InputPin,
    DC: OutputPin,
    RST: OutputPin,
    D: DelayNs,
    E: WaveshareDisplay<SPI, Patient<BUSY>, DC, RST, D>,
{
    fn facts(&self) -> Facts {
        Facts {
            width: M::SIZE.0,
            height: M::SIZE.1,
            palette: Some(M::Color::PALETTE),
            border: M::Color::PALETTE.color(Ink::White),
            least_period: Duration::from_secs(180),
        }
    }

    fn show(&mut self, canvas: &Canvas) -> Result<(), DisplayError> {
        let (width, _) = M::SIZE;
        for (i, ink) in canvas.inks.iter().enumerate() {
            let (x, y) = ((i % width) as i32, (i / width) as i32);
            let ink = match (self.negative, ink) {
                (true, Ink::Black) => Ink::White,
                (true, Ink::White) => Ink::Black,
                (_, ink) => *ink,
            };
            self.memory.set(x, y, M::Color::of(ink));
        }
        let (driver, spi, delay) = (&mut self.driver, &mut self.spi, &mut self.delay);
        if self.asleep {
            let awake = driver.wake_up(spi, delay);
            awake.map_err(|error| failed("waking the panel", &error))?;
        }
        let sent = driver.update_and_display_frame(spi, self.memory.bytes(), delay);
        sent.map_err(|error| failed("sending the image", &error))?;
        // Some drivers return before the panel is done; sleep would cut it short.
        let done = driver.wait_until_idle(spi, delay);
        done.map_err(|error| failed("the refresh", &error))?;
        let asleep = driver.sleep(spi, delay);
        asleep.map_err(|error| failed("sending the panel to sleep", &error))?;
        self.asleep = true;
        self.patience()
    }

    fn finish(&mut self) -> Result<(), DisplayError> {
        // The image stays: it needs no power, and the panel sleeps already.
        Ok(())
    }
}

/// A busy pin that says after a while that it is not: the drivers wait without end.
pub struct Patient<PIN> {
    pin: PIN,
    /// Since when the level has not changed.
    level: Option<(bool, Instant)>,
    stuck: Arc<AtomicBool>,
}

impl<PIN> Patient<PIN> {
    const fn new(pin: PIN, stuck: Arc<AtomicBool>) -> Self {
        Self {
            pin,
            level: None,
            stuck,
        }
    }
}

impl<PIN: ErrorType> ErrorType for Patient<PIN> {
    type Error = PIN::Error;
}

impl<PIN: InputPin> Patient<PIN> {
    /// The level, turned over once it has been looked at for too long without a change.
    fn look(&mut self) -> Result<bool, PIN::Error> {
        let (found, now) = (self.pin.is_high()?, Instant::now());
        match self.level {
            Some((level, since)) if level == found => {
                if now - since > PATIENCE {
                    self.stuck.store(true, Ordering::Relaxed);
                    return Ok(!found);
                }
            }
            _ => self.level = Some((found, now)),
        }
        Ok(found)
    }
}

impl<PIN: InputPin> InputPin for Patient<PIN> {
    fn is_high(&mut self) -> Result<bool, PIN::Error> {
        self.look()
    }

    fn is_low(&mut self) -> Result<bool, PIN::Error> {
        self.look().map(|high| !high)
    }
}

fn failed(what: &'static str, error: &impl Debug) -> DisplayError {
    DisplayError::Bus {
        what,
        reason: format!("{error:?}"),
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{Dc, Level, NoTime, Reset, Spi, Wires, compare_with_golden};
    use super::*;

    type Wired<E, M> = EPaper<E, M, Spi, Level, Dc, Reset, NoTime>;

    fn panel<E, M>(name: &str) -> (Wires, Wired<E, M>)
    where
        M: Memory,
        E: WaveshareDisplay<Spi, Patient<Level>, Dc, Reset, NoTime>,
    {
        let wires = Wires::default();
        let (spi, dc, reset) = (Spi(wires.clone()), Dc(wires.clone()), Reset(wires.clone()));
        let panel = EPaper::new(spi, Level(true), dc, reset, NoTime, negative(name)).unwrap();
        wires.commands();
        (wires, panel)
    }

    /// White, but black, red and red from the left in the first row.
    fn canvas(display: &impl Display) -> Canvas {
        let Facts { width, height, .. } = display.facts();
        let mut canvas = Canvas::new(width, height);
        canvas.inks = vec![Ink::White; width * height];
        canvas.inks[..3].copy_from_slice(&[Ink::Black, Ink::Red, Ink::Red]);
        canvas
    }

    #[test]
    fn black_is_black_and_white_is_white_on_one_bit_panels() {
        let (wires, mut panel) =
            panel::<epd7in5_v2::Epd7in5<_, _, _, _, _>, epd7in5_v2::Display7in5>("epd7in5");
        let mut canvas = canvas(&panel);
        canvas.inks[1..3].fill(Ink::White);
        panel.show(&canvas).unwrap();
        let commands = wires.commands();
        let (_, data) = commands.iter().find(|(c, _)| *c == 0x13).unwrap();
        // The controller shows bits that are 0 white and 1 black.
        assert_eq!((data.len(), data[0], data[1]), (48_000, 0x80, 0x00));
        let refresh = commands.iter().position(|(c, _)| *c == 0x12).unwrap();
        let sleep = commands
            .iter()
            .position(|(c, data)| *c == 0x07 && *data == [0xa5]);
        assert!(sleep.unwrap() > refresh);
    }

    #[test]
    fn three_inks_are_two_planes() {
        let (wires, mut panel) =
            panel::<epd7in5b_v2::Epd7in5<_, _, _, _, _>, epd7in5b_v2::Display7in5>("epd7in5b");
        let canvas = canvas(&panel);
        panel.show(&canvas).unwrap();
        let commands = wires.commands();
        let plane = |command| &commands.iter().find(|(c, _)| *c == command).unwrap().1;
        assert_eq!((plane(0x10)[0], plane(0x13)[0]), (0x7f, 0x60));
        assert_eq!((plane(0x10).len(), plane(0x13).len()), (48_000, 48_000));
        assert!(commands.iter().any(|(c, _)| *c == 0x12));
    }

    #[test]
    fn seven_inks_are_half_bytes() {
        let (wires, mut panel) =
            panel::<epd7in3f::Epd7in3f<_, _, _, _, _>, epd7in3f::Display7in3f>("epd7in3f");
        let canvas = canvas(&panel);
        panel.show(&canvas).unwrap();
        let commands = wires.commands();
        let (_, data) = commands.iter().find(|(c, _)| *c == 0x10).unwrap();
        assert_eq!((data.len(), &data[..3]), (192_000, &[0x04, 0x41, 0x11][..]));
    }

    #[test]
    fn the_second_image_wakes_the_panel() {
        let (wires, mut panel) =
            panel::<epd7in5_v2::Epd7in5<_, _, _, _, _>, epd7in5_v2::Display7in5>("epd7in5");
        let canvas = canvas(&panel);
        panel.show(&canvas).unwrap();
        let resets = wires.resets();
        panel.show(&canvas).unwrap();
        assert_eq!(wires.resets(), resets + 1);
    }

    #[test]
    fn a_pulled_bus_is_an_error() {
        let (wires, mut panel) =
            panel::<epd7in5_v2::Epd7in5<_, _, _, _, _>, epd7in5_v2::Display7in5>("epd7in5");
        let canvas = canvas(&panel);
        wires.pull_after(3);
        let error = panel.show(&canvas).unwrap_err().to_string();
        assert!(error.contains("wiring"), "{error}");
    }

    #[test]
    fn what_is_sent_is_the_golden_trace() {
        let (wires, mut one) =
            panel::<epd7in5_v2::Epd7in5<_, _, _, _, _>, epd7in5_v2::Display7in5>("epd7in5");
        compare_with_golden("epd7in5", &wires, &mut one);
        let (wires, mut one) =
            panel::<epd7in5b_v2::Epd7in5<_, _, _, _, _>, epd7in5b_v2::Display7in5>("epd7in5b");
        compare_with_golden("epd7in5b", &wires, &mut one);
        let (wires, mut one) =
            panel::<epd7in3f::Epd7in3f<_, _, _, _, _>, epd7in3f::Display7in3f>("epd7in3f");
        compare_with_golden("epd7in3f", &wires, &mut one);
    }
}
