//! TFT panels on SPI, by mipidsi.

use std::fmt::Debug;
use std::time::Duration;

use embedded_graphics::pixelcolor::Rgb565;
use embedded_graphics::prelude::RgbColor as _;
use embedded_hal::delay::DelayNs;
use embedded_hal::digital::OutputPin;
use embedded_hal::spi::SpiDevice;
use linux_embedded_hal::Delay;
use mipidsi::interface::{Interface, InterfaceKind, SpiError};
use mipidsi::models::{GC9A01, ILI9341Rgb565, Model, ST7735s, ST7789};
use mipidsi::options::{ColorInversion, ColorOrder as Order};
use mipidsi::{Builder, Display as Driver};

use super::bus::{self, TRANSFER};
use super::error::DisplayError;
use super::traits::{Display, Facts};
use crate::panel::{ColorOrder, Panel};
use crate::picture::Canvas;

/// Clock that the controllers and wires of a hand's length bear.
const SPEED: u32 = 32_000_000;

/// A window of a controller's memory that is seen, and how colours go there.
#[derive(Clone, Copy, Debug)]
pub struct Window {
    width: u16,
    height: u16,
    offset: (u16, u16),
    invert: bool,
    order: ColorOrder,
}

impl Window {
    /// The usual one of a controller, changed by the settings.
    #[must_use]
    pub fn new(controller: &str, panel: &Panel) -> Self {
        // Panels of in-plane switching need inverted colours: most with ST7789 and GC9A01.
        let (width, height, invert, order) = match controller {
            "st7735" => (128, 160, false, ColorOrder::Rgb),
            "ili9341" => (240, 320, false, ColorOrder::Bgr),
            "gc9a01" => (240, 240, true, ColorOrder::Bgr),
            _ => (240, 320, true, ColorOrder::Rgb),
        };
        Self {
            width: panel.width.unwrap_or(width),
            height: panel.height.unwrap_or(height),
            offset: (panel.offset_x.unwrap_or(0), panel.offset_y.unwrap_or(0)),
            invert: panel.invert.unwrap_or(invert),
            order: panel.color_order.unwrap_or(order),
        }
    }
}

/// A panel of one controller.
pub struct Tft<M, SPI, DC, RST, LIGHT, D>
where
    M: Model<ColorFormat = Rgb565>,
    SPI: SpiDevice,
    DC: OutputPin,
    RST: OutputPin,
{
    driver: Driver<Buffered<SPI, DC>, M, RST>,
    light: Option<LIGHT>,
    window: Window,
    delay: D,
}

/// Opens the panel of the settings.
///
/// # Errors
/// [`DisplayError`].
pub fn open(controller: &str, panel: &Panel) -> Result<Box<dyn Display>, DisplayError> {
    let window = Window::new(controller, panel);
    let spi = bus::spi(panel, SPEED)?;
    let dc = bus::output(panel, "dc", bus::needed("dc", panel.dc)?)?;
    let reset = bus::output(panel, "reset", bus::needed("reset", panel.reset)?)?;
    let light = match panel.backlight {
        Some(pin) => Some(bus::output(panel, "backlight", pin)?),
        None => None,
    };
    match controller {
        "st7735" => Ok(Box::new(Tft::new(
            ST7735s, spi, dc, reset, light, window, Delay,
        )?)),
        "ili9341" => Ok(Box::new(Tft::new(
            ILI9341Rgb565,
            spi,
            dc,
            reset,
            light,
            window,
            Delay,
        )?)),
        "gc9a01" => Ok(Box::new(Tft::new(
            GC9A01, spi, dc, reset, light, window, Delay,
        )?)),
        _ => Ok(Box::new(Tft::new(
            ST7789, spi, dc, reset, light, window, Delay,
        )?)),
    }
}

impl<M, SPI, DC, RST, LIGHT, D> Tft<M, SPI, DC, RST, LIGHT, D>
where
    M: Model<ColorFormat = Rgb565>,
    SPI: SpiDevice,
    DC: OutputPin,
    RST: OutputPin,
    LIGHT: OutputPin,
    D: DelayNs,
{
    /// A panel on these wires.
    ///
    /// # Errors
    /// [`DisplayError`]: the window is not in the controller's memory, or the bus failed.
    pub fn new(
        model: M,
        spi: SPI,
        dc: DC,
        reset: RST,
        mut light: Option<LIGHT>,
        window: Window,
        mut delay: D,
    ) -> Result<Self, DisplayError> {
        let (most_x, most_y) = M::FRAMEBUFFER_SIZE;
        let fits = |offset: u16, side: u16, most: u16| {
            side > 0 && offset.checked_add(side).is_some_and(|end| end <= most)
        };
        let (x, y) = window.offset;
        if !fits(x, window.width, most_x) || !fits(y, window.height, most_y) {
            return Err(DisplayError::Setting {
                key: "width, height, offset-x, offset-y",
                found: format!("{} x {} at {x}, {y}", window.width, window.height),
                expected: format!("a part of the controller's {most_x} x {most_y}"),
            });
        }
        let interface = Buffered {
            spi,
            dc,
            buffer: Vec::with_capacity(TRANSFER),
        };
        let inversion = match window.invert {
            true => ColorInversion::Inverted,
            false => ColorInversion::Normal,
        };
        let order = match window.order {
            ColorOrder::Rgb => Order::Rgb,
            ColorOrder::Bgr => Order::Bgr,
        };
        let driver = Builder::new(model, interface)
            .display_size(window.width, window.height)
            .display_offset(x, y)
            .invert_colors(inversion)
            .color_order(order)
            .reset_pin(reset)
            .init(&mut delay)
            .map_err(|error| failed("setting the panel up", &error))?;
        if let Some(light) = &mut light {
            light
                .set_high()
                .map_err(|error| failed("the backlight", &error))?;
        }
        Ok(Self {
            driver,
            light,
            window,
            delay,
        })
    }
}

impl<M, SPI, DC, RST, LIGHT, D> Display for Tft<M, SPI, DC, RST, LIGHT, D>
where
    M: Model<ColorFormat = Rgb565>,
    SPI: SpiDevice,
    DC: OutputPin,
    RST: OutputPin,
    LIGHT: OutputPin,
    D: DelayNs,
{
    fn facts(&self) -> Facts {
        Facts {
            width: self.window.width.into(),
            height: self.window.height.into(),
            palette: None,
            border: [0; 3],
            least_period: Duration::ZERO,
        }
    }

    fn show(&mut self, canvas: &Canvas) -> Result<(), DisplayError> {
        let colors = canvas
            .pixels()
            .map(|[r, g, b]| Rgb565::new(r >> 3, g >> 2, b >> 3));
        let (right, bottom) = (self.window.width - 1, self.window.height - 1);
        let shown = self.driver.set_pixels(0, 0, right, bottom, colors);
        shown.map_err(|error| failed("sending the image", &error))
    }

    fn finish(&mut self) -> Result<(), DisplayError> {
        let (right, bottom) = (self.window.width - 1, self.window.height - 1);
        let count = usize::from(self.window.width) * usize::from(self.window.height);
        let black = std::iter::repeat_n(Rgb565::BLACK, count);
        let cleared = self.driver.set_pixels(0, 0, right, bottom, black);
        cleared.map_err(|error| failed("clearing the panel", &error))?;
        if let Some(light) = &mut self.light {
            light
                .set_low()
                .map_err(|error| failed("the backlight", &error))?;
        }
        let asleep = self.driver.sleep(&mut self.delay);
        asleep.map_err(|error| failed("sending the panel to sleep", &error))
    }
}

fn failed(what: &'static str, error: &impl Debug) -> DisplayError {
    DisplayError::Bus {
        what,
        reason: format!("{error:?}"),
    }
}

/// SPI with a buffer of its own: mipidsi's borrows one, which a display that is opened again and
/// again would have to leak.
pub struct Buffered<SPI, DC> {
    spi: SPI,
    dc: DC,
    buffer: Vec<u8>,
}

impl<SPI: SpiDevice, DC: OutputPin> Interface for Buffered<SPI, DC> {
    type Word = u8;
    type Error = SpiError<SPI::Error, DC::Error>;

    const KIND: InterfaceKind = InterfaceKind::Serial4Line;

    fn send_command(&mut self, command: u8, args: &[u8]) -> Result<(), Self::Error> {
        self.dc.set_low().map_err(SpiError::Dc)?;
        self.spi.write(&[command]).map_err(SpiError::Spi)?;
        self.dc.set_high().map_err(SpiError::Dc)?;
        self.spi.write(args).map_err(SpiError::Spi)
    }

    fn send_pixels<const N: usize>(
        &mut self,
        pixels: impl IntoIterator<Item = [u8; N]>,
    ) -> Result<(), Self::Error> {
        self.buffer.clear();
        for pixel in pixels {
            if self.buffer.len() + N > TRANSFER {
                self.spi.write(&self.buffer).map_err(SpiError::Spi)?;
                self.buffer.clear();
            }
            self.buffer.extend_from_slice(&pixel);
        }
        self.spi.write(&self.buffer).map_err(SpiError::Spi)
    }

    fn send_repeated_pixel<const N: usize>(
        &mut self,
        pixel: [u8; N],
        count: u32,
    ) -> Result<(), Self::Error> {
        self.send_pixels(std::iter::repeat_n(pixel, count as usize))
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{Dc, NoTime, Reset, Spi, Wires, compare_with_golden};
    use super::*;

    type Tested<M> = Tft<M, Spi, Dc, Reset, Reset, NoTime>;

    fn tft<M: Model<ColorFormat = Rgb565>>(
        model: M,
        controller: &str,
        panel: &Panel,
    ) -> (Wires, Result<Tested<M>, DisplayError>) {
        let wires = Wires::default();
        let (spi, dc) = (Spi(wires.clone()), Dc(wires.clone()));
        let window = Window::new(controller, panel);
        let reset = Reset(wires.clone());
        let tft = Tft::new(model, spi, dc, reset, None, window, NoTime);
        (wires, tft)
    }

    fn small() -> Panel {
        Panel {
            width: Some(2),
            height: Some(2),
            offset_x: Some(3),
            offset_y: Some(0x105),
            ..Panel::default()
        }
    }

    #[test]
    fn an_image_is_sent_to_its_window_with_the_high_byte_of_each_pixel_first() {
        let (wires, tft) = tft(ST7789, "st7789", &small());
        let mut tft = tft.unwrap();
        assert_eq!(wires.resets(), 1);
        wires.commands();
        let mut canvas = Canvas::new(2, 2);
        canvas.rgb = vec![255, 0, 0, 0, 255, 0, 0, 0, 255, 8, 4, 8];
        tft.show(&canvas).unwrap();
        // Columns 3 to 4, rows 0x105 to 0x106, then memory: red f800, green 07e0, blue 001f.
        let expected: [(u8, &[u8]); 3] = [
            (0x2a, &[0, 3, 0, 4]),
            (0x2b, &[1, 5, 1, 6]),
            (0x2c, &[0xf8, 0, 0x07, 0xe0, 0, 0x1f, 0x08, 0x21]),
        ];
        let sent = wires.commands();
        let sent: Vec<(u8, &[u8])> = sent.iter().map(|(c, data)| (*c, &data[..])).collect();
        assert_eq!(sent, expected);
    }

    #[test]
    fn colours_are_inverted_and_ordered_as_the_settings_say() {
        for (invert, order, inversion, bit) in [
            (true, ColorOrder::Rgb, 0x21, 0),
            (false, ColorOrder::Bgr, 0x20, 8),
        ] {
            let panel = Panel {
                invert: Some(invert),
                color_order: Some(order),
                ..Panel::default()
            };
            let (wires, tft) = tft(ST7789, "st7789", &panel);
            tft.unwrap();
            let commands = wires.commands();
            assert!(
                commands.iter().any(|(c, _)| *c == inversion),
                "{commands:x?}"
            );
            let address_mode = commands.iter().find(|(c, _)| *c == 0x36).unwrap();
            assert_eq!(address_mode.1[0] & 8, bit);
        }
    }

    #[test]
    fn a_whole_image_is_its_two_bytes_a_pixel_on_every_controller() {
        fn count<M: Model<ColorFormat = Rgb565>>(model: M, name: &str) -> (usize, usize) {
            let (wires, tft) = tft(model, name, &Panel::default());
            let mut tft = tft.unwrap();
            let facts = tft.facts();
            wires.commands();
            tft.show(&Canvas::new(facts.width, facts.height)).unwrap();
            let sent = wires.commands();
            let memory = sent.iter().find(|(c, _)| *c == 0x2c).unwrap().1.len();
            (memory, facts.width * facts.height * 2)
        }
        for (sent, expected) in [
            count(ST7735s, "st7735"),
            count(ST7789, "st7789"),
            count(ILI9341Rgb565, "ili9341"),
            count(GC9A01, "gc9a01"),
        ] {
            assert_eq!(sent, expected);
        }
    }

    #[test]
    fn at_the_end_the_panel_is_black_and_asleep() {
        let (wires, tft) = tft(ST7789, "st7789", &small());
        let mut tft = tft.unwrap();
        wires.commands();
        tft.finish().unwrap();
        let sent = wires.commands();
        assert!(sent.contains(&(0x2c, vec![0; 8])), "{sent:x?}");
        assert_eq!(sent.last().unwrap().0, 0x10);
    }

    #[test]
    fn a_window_outside_the_controller_and_a_pulled_bus_are_errors() {
        let panel = Panel {
            width: Some(241),
            ..Panel::default()
        };
        let error = tft(ST7789, "st7789", &panel).1.err().unwrap().to_string();
        assert!(
            error.contains("241") && error.contains("240 x 320"),
            "{error}"
        );
        let (wires, tft) = tft(ST7789, "st7789", &small());
        let mut tft = tft.unwrap();
        wires.pull_after(2);
        let error = tft.show(&Canvas::new(2, 2)).unwrap_err().to_string();
        assert!(error.contains("wiring"), "{error}");
    }

    #[test]
    fn what_is_sent_is_the_golden_trace() {
        fn compare<M: Model<ColorFormat = Rgb565>>(model: M, name: &str) {
            let (wires, tft) = tft(model, name, &Panel::default());
            compare_with_golden(name, &wires, &mut tft.unwrap());
        }
        compare(ST7735s, "st7735");
        compare(ST7789, "st7789");
        compare(ILI9341Rgb565, "ili9341");
        compare(GC9A01, "gc9a01");
    }
}
