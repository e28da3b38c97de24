//! SPI, I2C and pins of Linux, with advice for what is usually wrong.

use std::fs::OpenOptions;
use std::io;
use std::path::Path;

use linux_embedded_hal::gpio_cdev::{Chip, LineRequestFlags};
use linux_embedded_hal::spidev::{SpiModeFlags, SpidevOptions};
use linux_embedded_hal::{CdevPin, I2cdev, SpidevDevice};

use super::error::DisplayError;
use crate::panel::Panel;

/// Most bytes of a transfer: what Linux allows without a setting of its own.
pub const TRANSFER: usize = 4096;

/// A pin that the panel cannot do without.
///
/// # Errors
/// [`DisplayError::Setting`].
pub fn needed(key: &'static str, pin: Option<u32>) -> Result<u32, DisplayError> {
    pin.ok_or(DisplayError::Setting {
        key,
        found: "missing".into(),
        expected: "a GPIO number; docs/guide/frame.md has a table for each panel".into(),
    })
}

/// Looks whether a device can be opened, for the system's own words are few.
fn look(path: &Path, absent: &'static str, denied: &'static str) -> Result<(), DisplayError> {
    let opened = OpenOptions::new().read(true).write(true).open(path);
    opened.map(|_| ()).map_err(|error| DisplayError::Io {
        what: format!("cannot open {}", path.display()),
        advice: match error.kind() {
            io::ErrorKind::NotFound => absent,
            io::ErrorKind::PermissionDenied => denied,
            _ => "",
        },
        error,
    })
}

/// The panel's SPI device, in mode 0.
///
/// # Errors
/// [`DisplayError`].
pub fn spi(panel: &Panel, usual_speed: u32) -> Result<SpidevDevice, DisplayError> {
    let path = panel.spi.as_deref().unwrap_or(Path::new("/dev/spidev0.0"));
    look(
        path,
        "SPI is off: sudo raspi-config nonint do_spi 0, then restart",
        "add the user to the group spi: sudo usermod -aG spi USER",
    )?;
    let failed = |reason: String| DisplayError::Bus {
        what: "opening SPI",
        reason,
    };
    let mut device = SpidevDevice::open(path).map_err(|error| failed(error.to_string()))?;
    let options = SpidevOptions::new()
        .bits_per_word(8)
        .max_speed_hz(panel.speed.unwrap_or(usual_speed))
        .mode(SpiModeFlags::SPI_MODE_0)
        .build();
    let configured = device.configure(&options);
    configured.map_err(|error| failed(error.to_string()))?;
    Ok(device)
}

/// The panel's I2C device.
///
/// # Errors
/// [`DisplayError`].
pub fn i2c(panel: &Panel) -> Result<I2cdev, DisplayError> {
    let path = panel.i2c.as_deref().unwrap_or(Path::new("/dev/i2c-1"));
    look(
        path,
        "I2C is off: sudo raspi-config nonint do_i2c 0, then restart",
        "add the user to the group i2c: sudo usermod -aG i2c USER",
    )?;
    I2cdev::new(path).map_err(|error| DisplayError::Bus {
        what: "opening I2C",
        reason: error.to_string(),
    })
}

/// Pin number `pin`, as an output that is high.
///
/// # Errors
/// [`DisplayError`].
pub fn output(panel: &Panel, key: &'static str, pin: u32) -> Result<CdevPin, DisplayError> {
    request(panel, key, pin, LineRequestFlags::OUTPUT)
}

/// Pin number `pin`, as an input.
///
/// # Errors
/// [`DisplayError`].
pub fn input(panel: &Panel, key: &'static str, pin: u32) -> Result<CdevPin, DisplayError> {
    request(panel, key, pin, LineRequestFlags::INPUT)
}

fn request(
    panel: &Panel,
    key: &'static str,
    pin: u32,
    flags: LineRequestFlags,
) -> Result<CdevPin, DisplayError> {
    let path = panel.gpio.as_deref().unwrap_or(Path::new("/dev/gpiochip0"));
    look(
        path,
        "no chip of pins: ls /dev/gpiochip*, and write the right one as `gpio` in [panel]",
        "add the user to the group gpio: sudo usermod -aG gpio USER",
    )?;
    let line = Chip::new(path)
        .and_then(|mut chip| chip.get_line(pin))
        .and_then(|line| line.request(flags, 1, "dreamlet-frame"))
        .and_then(CdevPin::new);
    line.map_err(|error| DisplayError::Setting {
        key,
        found: format!("{pin}, which cannot be had ({error})"),
        expected: "a GPIO number that nothing else uses: see `gpioinfo`".into(),
    })
}
