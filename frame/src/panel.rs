//! Pins and bus of a panel: the table `[panel]` of the settings.

use std::path::PathBuf;

use serde::Deserialize;

/// Order of the colours in a TFT's pixel.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ColorOrder {
    /// Red first.
    #[default]
    Rgb,
    /// Blue first.
    Bgr,
}

/// How a panel is connected. Pins are GPIO numbers (GPIO25 is 25), not places on the header.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct Panel {
    /// SPI device; `/dev/spidev0.0` without.
    pub spi: Option<PathBuf>,
    /// Clock of SPI, in Hz.
    pub speed: Option<u32>,
    /// I2C device; an OLED without `i2c` is taken to be on `/dev/i2c-1`, with `spi` on that.
    pub i2c: Option<PathBuf>,
    /// Address on I2C; 0x3c without.
    pub address: Option<u8>,
    /// Chip of the pins; `/dev/gpiochip0` without.
    pub gpio: Option<PathBuf>,
    /// Pin that tells data from commands.
    pub dc: Option<u32>,
    /// Pin that resets the panel.
    pub reset: Option<u32>,
    /// Pin by which e-paper says that it is busy.
    pub busy: Option<u32>,
    /// Pin of a TFT's light.
    pub backlight: Option<u32>,
    /// Columns and rows, where a controller drives panels of several sizes.
    pub width: Option<u16>,
    /// Rows.
    pub height: Option<u16>,
    /// First column of the controller's memory that is seen.
    pub offset_x: Option<u16>,
    /// First row.
    pub offset_y: Option<u16>,
    /// Whether colours must be inverted.
    pub invert: Option<bool>,
    /// Order of the colours.
    pub color_order: Option<ColorOrder>,
}
