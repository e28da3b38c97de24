//! A bus that writes down what is sent over it.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test may panic")]

use std::cell::RefCell;
use std::convert::Infallible;
use std::fmt::Write as _;
use std::path::Path;
use std::rc::Rc;

use embedded_hal::delay::DelayNs;
use embedded_hal::digital::{ErrorType as PinErrorType, InputPin, OutputPin};
use embedded_hal::i2c::{self, ErrorType as I2cErrorType, I2c};
use embedded_hal::spi::{self, ErrorType as SpiErrorType, Operation, SpiDevice};

use super::traits::{Display, Facts};
use crate::picture::Canvas;

/// A transfer: whether the pin for data was high, and the bytes.
pub(super) type Transfer = (bool, Vec<u8>);

#[derive(Debug, Default)]
struct State {
    data: bool,
    transfers: Vec<Transfer>,
    resets: usize,
    /// Transfers that still succeed, if not all do.
    healthy: Option<usize>,
}

/// All wires of a panel.
#[derive(Clone, Debug, Default)]
pub(super) struct Wires(Rc<RefCell<State>>);

impl Wires {
    /// The bus comes off after so many transfers.
    pub(super) fn pull_after(&self, transfers: usize) {
        self.0.borrow_mut().healthy = Some(transfers);
    }

    /// Times the reset pin went low.
    pub(super) fn resets(&self) -> usize {
        self.0.borrow().resets
    }

    /// What was sent since the last call: each command with all its data.
    pub(super) fn commands(&self) -> Vec<(u8, Vec<u8>)> {
        let mut commands: Vec<(u8, Vec<u8>)> = Vec::new();
        for (data, bytes) in self.0.borrow_mut().transfers.drain(..) {
            match (data, commands.last_mut()) {
                (true, Some((_, all))) => all.extend(bytes),
                (true, None) => panic!("data before a command"),
                (false, _) => commands.extend(bytes.into_iter().map(|one| (one, Vec::new()))),
            }
        }
        commands
    }

    /// The same as text, long data as its length and hash: a golden trace.
    pub(super) fn trace(&self) -> String {
        let mut text = String::new();
        for (command, data) in self.commands() {
            write!(text, "{command:02x}").unwrap();
            match data.len() {
                0..=16 => data
                    .iter()
                    .for_each(|byte| write!(text, " {byte:02x}").unwrap()),
                len => write!(
                    text,
                    " {len} bytes {}",
                    dreamlet_runtime::card::sha256(&data)
                )
                .unwrap(),
            }
            text.push('\n');
        }
        text
    }

    fn send(&self, bytes: &[u8]) -> Result<(), Pulled> {
        let state = &mut *self.0.borrow_mut();
        if let Some(healthy) = &mut state.healthy {
            *healthy = healthy.checked_sub(1).ok_or(Pulled)?;
        }
        state.transfers.push((state.data, bytes.to_vec()));
        Ok(())
    }
}

/// An image with every colour and grey, in the display's inks where it has some.
pub(super) fn known_image(facts: &Facts) -> Canvas {
    let mut canvas = Canvas::new(facts.width, facts.height);
    for (i, pixel) in canvas.rgb.as_chunks_mut::<3>().0.iter_mut().enumerate() {
        let (x, y) = (i % facts.width, i / facts.width);
        *pixel = [x * 255 / facts.width, y * 255 / facts.height, (x ^ y) & 255].map(|v| v as u8);
    }
    if let Some(palette) = facts.palette {
        // Squares, not dithering: the same on every machine.
        let ink = |i: usize| {
            let square = i % facts.width / 8 + i / facts.width / 8;
            palette.inks[square % palette.inks.len()]
        };
        canvas.inks = (0..facts.width * facts.height).map(ink).collect();
    }
    canvas
}

/// Shows the known image, and compares all that was sent since the panel was made with the golden
/// trace. `DREAMLET_WRITE_GOLDEN=1` writes it instead.
pub(super) fn compare_with_golden(name: &str, wires: &Wires, display: &mut dyn Display) {
    let canvas = known_image(&display.facts());
    display.show(&canvas).unwrap();
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/display/golden");
    let path = folder.join(format!("{name}.txt"));
    let found = wires.trace();
    if std::env::var_os("DREAMLET_WRITE_GOLDEN").is_some() {
        std::fs::create_dir_all(folder).unwrap();
        std::fs::write(path, found).unwrap();
        return;
    }
    let expected = std::fs::read_to_string(path).unwrap();
    assert_eq!(found, expected, "{name}");
}

/// The bus is off.
#[derive(Clone, Copy, Debug)]
pub(super) struct Pulled;

impl spi::Error for Pulled {
    fn kind(&self) -> spi::ErrorKind {
        spi::ErrorKind::Other
    }
}

impl i2c::Error for Pulled {
    fn kind(&self) -> i2c::ErrorKind {
        i2c::ErrorKind::Other
    }
}

/// The SPI device.
pub(super) struct Spi(pub(super) Wires);

impl SpiErrorType for Spi {
    type Error = Pulled;
}

impl SpiDevice for Spi {
    fn transaction(&mut self, operations: &mut [Operation<'_, u8>]) -> Result<(), Pulled> {
        for operation in operations {
            if let Operation::Write(bytes) = operation {
                assert!(bytes.len() <= super::bus::TRANSFER, "{} bytes", bytes.len());
                self.0.send(bytes)?;
            }
        }
        Ok(())
    }
}

/// The I2C bus: each write is a command's transfer.
pub(super) struct Bus(pub(super) Wires);

impl I2cErrorType for Bus {
    type Error = Pulled;
}

impl I2c for Bus {
    fn transaction(
        &mut self,
        address: u8,
        operations: &mut [i2c::Operation<'_>],
    ) -> Result<(), Pulled> {
        assert_eq!(address, 0x3c);
        for operation in operations {
            if let i2c::Operation::Write(bytes) = operation {
                self.0.send(bytes)?;
            }
        }
        Ok(())
    }
}

/// The pin that tells data from commands.
pub(super) struct Dc(pub(super) Wires);

impl PinErrorType for Dc {
    type Error = Infallible;
}

impl OutputPin for Dc {
    fn set_low(&mut self) -> Result<(), Infallible> {
        self.0.0.borrow_mut().data = false;
        Ok(())
    }

    fn set_high(&mut self) -> Result<(), Infallible> {
        self.0.0.borrow_mut().data = true;
        Ok(())
    }
}

/// The reset pin.
pub(super) struct Reset(pub(super) Wires);

impl PinErrorType for Reset {
    type Error = Infallible;
}

impl OutputPin for Reset {
    fn set_low(&mut self) -> Result<(), Infallible> {
        self.0.0.borrow_mut().resets += 1;
        Ok(())
    }

    fn set_high(&mut self) -> Result<(), Infallible> {
        Ok(())
    }
}

/// A busy pin that has one level for ever.
pub(super) struct Level(pub(super) bool);

impl PinErrorType for Level {
    type Error = Infallible;
}

impl InputPin for Level {
    fn is_high(&mut self) -> Result<bool, Infallible> {
        Ok(self.0)
    }

    fn is_low(&mut self) -> Result<bool, Infallible> {
        Ok(!self.0)
    }
}

/// A busy pin that is low at every second look: busy, and then no more.
pub(super) struct Pulse(pub(super) bool);

impl PinErrorType for Pulse {
    type Error = Infallible;
}

impl InputPin for Pulse {
    fn is_high(&mut self) -> Result<bool, Infallible> {
        self.0 = !self.0;
        Ok(!self.0)
    }

    fn is_low(&mut self) -> Result<bool, Infallible> {
        self.is_high().map(|high| !high)
    }
}

/// Time that passes at once.
pub(super) struct NoTime;

impl DelayNs for NoTime {
    fn delay_ns(&mut self, _: u32) {}
}
