//! The 7.3 inch e-paper with six inks: Waveshare's 7.3inch e-Paper (E), Pimoroni's Inky Impression
//! 7.3 of 2025. epd-waveshare has no release with it, so this is a driver of our own.
//!
//! Commands and values are those that Waveshare and Pimoroni agree on. The panel is reset before
//! each image and sleeps after it, as its maker asks.

use std::fmt::Debug;
use std::time::Duration;

use embedded_hal::delay::DelayNs;
use embedded_hal::digital::{InputPin, OutputPin};
use embedded_hal::spi::SpiDevice;
use linux_embedded_hal::Delay;

use super::bus::{self, TRANSFER};
use super::error::DisplayError;
use super::traits::{Display, Facts};
use crate::panel::Panel;
use crate::picture::{Canvas, Ink, SPECTRA6};

const WIDTH: usize = 800;
const HEIGHT: usize = 480;
const SPEED: u32 = 4_000_000;
/// A refresh takes 15 to 30 s, in the cold longer.
const PATIENCE: u64 = 60;
/// Time of a refresh where the panel does not say that it is busy.
const REFRESH_MS: u32 = 32_000;
const POLL_MS: u32 = 10;

const POWER_OFF: u8 = 0x02;
const POWER_ON: u8 = 0x04;
const BOOSTER_2: u8 = 0x06;
const DEEP_SLEEP: u8 = 0x07;
const DATA: u8 = 0x10;
const REFRESH: u8 = 0x12;

/// What the controller is told after a reset, from its unlocking on.
const SET_UP: [(u8, &[u8]); 13] = [
    (0xaa, &[0x49, 0x55, 0x20, 0x08, 0x09, 0x18]),
    // Power
    (0x01, &[0x3f]),
    // Panel
    (0x00, &[0x5f, 0x69]),
    // Order of switching off
    (0x03, &[0x00, 0x54, 0x00, 0x44]),
    // Boosters
    (0x05, &[0x40, 0x1f, 0x1f, 0x2c]),
    (BOOSTER_2, &BOOSTER),
    (0x08, &[0x6f, 0x1f, 0x1f, 0x22]),
    // Clock
    (0x30, &[0x03]),
    // Border and interval
    (0x50, &[0x3f]),
    (0x60, &[0x02, 0x00]),
    // 800 columns, 480 rows
    (0x61, &[0x03, 0x20, 0x01, 0xe0]),
    (0x84, &[0x01]),
    (0xe3, &[0x2f]),
];
/// Sent again after power is on, as Waveshare's driver does.
const BOOSTER: [u8; 4] = [0x6f, 0x1f, 0x17, 0x49];

/// The panel on its wires.
pub struct Spectra6<SPI, BUSY, DC, RST, D> {
    spi: SPI,
    busy: BUSY,
    dc: DC,
    reset: RST,
    delay: D,
    /// Two pixels a byte, the left one in the upper half.
    bytes: Vec<u8>,
}

/// Opens the panel of the settings.
///
/// # Errors
/// [`DisplayError`].
pub fn open(panel: &Panel) -> Result<Box<dyn Display>, DisplayError> {
    let spi = bus::spi(panel, SPEED)?;
    let dc = bus::output(panel, "dc", bus::needed("dc", panel.dc)?)?;
    let reset = bus::output(panel, "reset", bus::needed("reset", panel.reset)?)?;
    let busy = bus::input(panel, "busy", bus::needed("busy", panel.busy)?)?;
    Ok(Box::new(Spectra6::new(spi, busy, dc, reset, Delay)))
}

impl<SPI, BUSY, DC, RST, D> Spectra6<SPI, BUSY, DC, RST, D>
where
    SPI: SpiDevice,
    BUSY: InputPin,
    DC: OutputPin,
    RST: OutputPin,
    D: DelayNs,
{
    /// The panel on these wires. Nothing is sent before the first image.
    pub fn new(spi: SPI, busy: BUSY, dc: DC, reset: RST, delay: D) -> Self {
        Self {
            spi,
            busy,
            dc,
            reset,
            delay,
            bytes: Vec::with_capacity(WIDTH * HEIGHT / 2),
        }
    }

    fn command(&mut self, command: u8, data: &[u8]) -> Result<(), DisplayError> {
        self.dc
            .set_low()
            .map_err(|error| failed("the pin dc", &error))?;
        let sent = self.spi.write(&[command]);
        sent.map_err(|error| failed("sending a command", &error))?;
        self.dc
            .set_high()
            .map_err(|error| failed("the pin dc", &error))?;
        for part in data.chunks(TRANSFER) {
            let sent = self.spi.write(part);
            sent.map_err(|error| failed("sending data", &error))?;
        }
        Ok(())
    }

    /// Waits until the panel is no longer busy (low); tells whether it ever was.
    fn wait(&mut self) -> Result<bool, DisplayError> {
        let looks = PATIENCE * 1000 / u64::from(POLL_MS);
        for look in 0..looks {
            if self
                .busy
                .is_high()
                .map_err(|error| failed("the pin busy", &error))?
            {
                return Ok(look > 0);
            }
            self.delay.delay_ms(POLL_MS);
        }
        Err(DisplayError::Busy { seconds: PATIENCE })
    }

    /// Resets, sets up, sends `self.bytes`, refreshes, and sends the panel to sleep.
    fn refresh(&mut self) -> Result<(), DisplayError> {
        for (high, ms) in [(true, 20), (false, 2), (true, 20)] {
            let set = if high {
                self.reset.set_high()
            } else {
                self.reset.set_low()
            };
            set.map_err(|error| failed("the pin reset", &error))?;
            self.delay.delay_ms(ms);
        }
        self.wait()?;
        self.delay.delay_ms(30);
        for (command, data) in SET_UP {
            self.command(command, data)?;
        }
        let bytes = std::mem::take(&mut self.bytes);
        let sent = self.command(DATA, &bytes);
        self.bytes = bytes;
        sent?;
        self.command(POWER_ON, &[])?;
        self.wait()?;
        self.command(BOOSTER_2, &BOOSTER)?;
        self.command(REFRESH, &[0x00])?;
        // The panel needs a moment to say that it is busy. Power that goes off during a refresh
        // leaves stripes, so where it never says so its time is waited for.
        self.delay.delay_ms(100);
        if !self.wait()? {
            self.delay.delay_ms(REFRESH_MS);
        }
        self.command(POWER_OFF, &[0x00])?;
        self.wait()?;
        self.command(DEEP_SLEEP, &[0xa5])
    }
}

impl<SPI, BUSY, DC, RST, D> Display for Spectra6<SPI, BUSY, DC, RST, D>
where
    SPI: SpiDevice,
    BUSY: InputPin,
    DC: OutputPin,
    RST: OutputPin,
    D: DelayNs,
{
    fn facts(&self) -> Facts {
        Facts {
            width: WIDTH,
            height: HEIGHT,
            palette: Some(SPECTRA6),
            border: [0xe8; 3],
            least_period: Duration::from_secs(180),
        }
    }

    fn show(&mut self, canvas: &Canvas) -> Result<(), DisplayError> {
        self.bytes.clear();
        let pairs = canvas.inks.as_chunks::<2>().0.iter();
        self.bytes
            .extend(pairs.map(|[left, right]| code(*left) << 4 | code(*right)));
        if self.bytes.len() != WIDTH * HEIGHT / 2 {
            return Err(DisplayError::Argument {
                name: "spectra6",
                expected: "images of 800 x 480 inks",
                found: format!("{} inks", canvas.inks.len()),
            });
        }
        self.refresh()
    }

    fn finish(&mut self) -> Result<(), DisplayError> {
        // The image stays: it needs no power, and the panel sleeps already.
        Ok(())
    }
}

/// The controller's number of an ink; orange, which it has not, is its red.
const fn code(ink: Ink) -> u8 {
    match ink {
        Ink::Black => 0,
        Ink::White => 1,
        Ink::Yellow => 2,
        Ink::Red | Ink::Orange => 3,
        Ink::Blue => 5,
        Ink::Green => 6,
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
    use super::super::testing::{Dc, Level, NoTime, Pulse, Reset, Spi, Wires, compare_with_golden};
    use super::*;

    fn panel<BUSY: InputPin>(wires: &Wires, busy: BUSY) -> impl Display {
        let (spi, dc, reset) = (Spi(wires.clone()), Dc(wires.clone()), Reset(wires.clone()));
        Spectra6::new(spi, busy, dc, reset, NoTime)
    }

    fn canvas(ink: impl Fn(usize) -> Ink) -> Canvas {
        let mut canvas = Canvas::new(WIDTH, HEIGHT);
        canvas.inks = (0..WIDTH * HEIGHT).map(ink).collect();
        canvas
    }

    #[test]
    fn an_image_is_set_up_sent_refreshed_and_the_panel_put_to_sleep() {
        let wires = Wires::default();
        let mut panel = panel(&wires, Pulse(false));
        let inks = [
            Ink::Black,
            Ink::White,
            Ink::Yellow,
            Ink::Red,
            Ink::Blue,
            Ink::Green,
        ];
        panel.show(&canvas(|i| inks[i % 6])).unwrap();
        let commands = wires.commands();
        let names: Vec<u8> = commands.iter().map(|(command, _)| *command).collect();
        let expected = [
            0xaa, 0x01, 0x00, 0x03, 0x05, 0x06, 0x08, 0x30, 0x50, 0x60, 0x61, 0x84, 0xe3, 0x10,
            0x04, 0x06, 0x12, 0x02, 0x07,
        ];
        assert_eq!(names, expected);
        assert_eq!(commands[10].1, [0x03, 0x20, 0x01, 0xe0]);
        let data = &commands[13].1;
        assert_eq!((data.len(), &data[..3]), (192_000, &[0x01, 0x23, 0x56][..]));
        assert_eq!(commands[18].1, [0xa5]);
        assert_eq!(wires.resets(), 1);
    }

    #[test]
    fn a_panel_that_stays_busy_and_a_pulled_bus_are_errors() {
        let wires = Wires::default();
        let error = panel(&wires, Level(false))
            .show(&canvas(|_| Ink::White))
            .unwrap_err();
        assert!(error.to_string().contains("BUSY"), "{error}");
        wires.pull_after(20);
        let error = panel(&wires, Level(true))
            .show(&canvas(|_| Ink::White))
            .unwrap_err();
        assert!(error.to_string().contains("wiring"), "{error}");
    }

    #[test]
    fn what_is_sent_is_the_golden_trace() {
        let wires = Wires::default();
        compare_with_golden("spectra6", &wires, &mut panel(&wires, Pulse(false)));
    }
}
