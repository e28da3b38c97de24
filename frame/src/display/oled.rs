//! OLED panels with SSD1306, on I2C or SPI, by ssd1306.

use std::fmt::Debug;
use std::time::Duration;

use embedded_hal::delay::DelayNs;
use embedded_hal::digital::OutputPin;
use linux_embedded_hal::Delay;
use ssd1306::mode::{BufferedGraphicsMode, DisplayConfig as _};
use ssd1306::prelude::{
    DisplayRotation, DisplaySize, DisplaySize128x32, DisplaySize128x64, SPIInterface,
    WriteOnlyDataCommand,
};
use ssd1306::{I2CDisplayInterface, Ssd1306};

use super::bus;
use super::error::DisplayError;
use super::traits::{Display, Facts};
use crate::panel::Panel;
use crate::picture::{Canvas, Ink, MONO};

const ADDRESS: u8 = 0x3c;
const SPEED: u32 = 8_000_000;

/// A panel behind an interface.
pub struct Oled<I, S: DisplaySize> {
    driver: Ssd1306<I, S, BufferedGraphicsMode<S>>,
}

/// Opens the panel of the settings: on SPI where `spi` is set, else on I2C.
///
/// # Errors
/// [`DisplayError`].
pub fn open(panel: &Panel) -> Result<Box<dyn Display>, DisplayError> {
    match (panel.height.unwrap_or(64), panel.width.unwrap_or(128)) {
        (64, 128) => open_sized(panel, DisplaySize128x64),
        (32, 128) => open_sized(panel, DisplaySize128x32),
        (height, width) => Err(DisplayError::Setting {
            key: "width, height",
            found: format!("{width} x {height}"),
            expected: "128 x 64 or 128 x 32".into(),
        }),
    }
}

fn open_sized<S: DisplaySize + 'static>(
    panel: &Panel,
    size: S,
) -> Result<Box<dyn Display>, DisplayError> {
    if panel.spi.is_none() {
        let i2c = bus::i2c(panel)?;
        let address = panel.address.unwrap_or(ADDRESS);
        let interface = I2CDisplayInterface::new_custom_address(i2c, address);
        return Ok(Box::new(Oled::new(interface, size)?));
    }
    let spi = bus::spi(panel, SPEED)?;
    let dc = bus::output(panel, "dc", bus::needed("dc", panel.dc)?)?;
    let mut reset = bus::output(panel, "reset", bus::needed("reset", panel.reset)?)?;
    for high in [true, false, true] {
        let set = if high {
            reset.set_high()
        } else {
            reset.set_low()
        };
        set.map_err(|error| failed("the pin reset", &error))?;
        Delay.delay_ms(10);
    }
    Ok(Box::new(Oled::new(SPIInterface::new(spi, dc), size)?))
}

impl<I: WriteOnlyDataCommand, S: DisplaySize> Oled<I, S> {
    /// A panel behind this interface.
    ///
    /// # Errors
    /// [`DisplayError::Bus`].
    pub fn new(interface: I, size: S) -> Result<Self, DisplayError> {
        let driver = Ssd1306::new(interface, size, DisplayRotation::Rotate0);
        let mut driver = driver.into_buffered_graphics_mode();
        let begun = driver.init();
        begun.map_err(|error| failed("setting the panel up", &error))?;
        Ok(Self { driver })
    }
}

impl<I: WriteOnlyDataCommand, S: DisplaySize> Display for Oled<I, S> {
    fn facts(&self) -> Facts {
        Facts {
            width: S::WIDTH.into(),
            height: S::HEIGHT.into(),
            palette: Some(MONO),
            border: [0; 3],
            least_period: Duration::ZERO,
        }
    }

    fn show(&mut self, canvas: &Canvas) -> Result<(), DisplayError> {
        let width = usize::from(S::WIDTH);
        for (i, ink) in canvas.inks.iter().enumerate() {
            let (x, y) = ((i % width) as u32, (i / width) as u32);
            self.driver.set_pixel(x, y, *ink != Ink::Black);
        }
        let shown = self.driver.flush();
        shown.map_err(|error| failed("sending the image", &error))
    }

    fn finish(&mut self) -> Result<(), DisplayError> {
        self.driver.clear_buffer();
        let cleared = self.driver.flush();
        cleared.map_err(|error| failed("clearing the panel", &error))?;
        let off = self.driver.set_display_on(false);
        off.map_err(|error| failed("switching the panel off", &error))
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
    use super::super::testing::{Bus, Dc, Spi, Wires, compare_with_golden};
    use super::*;

    /// A column of 8 white pixels at the left, one white pixel at (1, 9).
    fn canvas() -> Canvas {
        let mut canvas = Canvas::new(128, 64);
        canvas.inks = vec![Ink::Black; 128 * 64];
        for y in 0..8 {
            canvas.inks[y * 128] = Ink::White;
        }
        canvas.inks[9 * 128 + 1] = Ink::White;
        canvas
    }

    #[test]
    fn on_spi_a_byte_is_eight_rows_with_the_upper_one_lowest() {
        let wires = Wires::default();
        let interface = SPIInterface::new(Spi(wires.clone()), Dc(wires.clone()));
        let mut oled = Oled::new(interface, DisplaySize128x64).unwrap();
        wires.commands();
        oled.show(&canvas()).unwrap();
        let data: Vec<u8> = wires
            .commands()
            .into_iter()
            .flat_map(|(_, data)| data)
            .collect();
        assert_eq!(data[..2], [0xff, 0]);
        assert_eq!(data.iter().filter(|byte| **byte != 0).count(), 2);
        assert!(data.contains(&0b10));
    }

    #[test]
    fn on_i2c_data_follows_the_control_byte_and_the_end_switches_off() {
        let wires = Wires::default();
        let interface = I2CDisplayInterface::new_custom_address(Bus(wires.clone()), ADDRESS);
        let mut oled = Oled::new(interface, DisplaySize128x64).unwrap();
        wires.commands();
        oled.show(&canvas()).unwrap();
        // Without a pin for data all bytes count as commands here.
        let sent: Vec<u8> = wires.commands().into_iter().map(|(byte, _)| byte).collect();
        assert!(
            sent.windows(3).any(|bytes| bytes == [0x40, 0xff, 0]),
            "{sent:x?}"
        );
        oled.finish().unwrap();
        let sent: Vec<u8> = wires.commands().into_iter().map(|(byte, _)| byte).collect();
        assert_eq!(sent.last(), Some(&0xae), "{sent:x?}");
    }

    #[test]
    fn what_is_sent_is_the_golden_trace() {
        let wires = Wires::default();
        let interface = SPIInterface::new(Spi(wires.clone()), Dc(wires.clone()));
        let mut oled = Oled::new(interface, DisplaySize128x64).unwrap();
        compare_with_golden("ssd1306", &wires, &mut oled);
    }
}
