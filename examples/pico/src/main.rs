//! Endless images on a Raspberry Pi Pico with an SSD1306 display of 128 x 64 pixels: SDA on GPIO 4,
//! SCL on GPIO 5.
//!
//! One image after another from successive seeds, each with its seed beside it. The generator lies
//! in flash, scratch memory and image are statics of sizes known when the program is built; there
//! is no heap. Where anything fails, such as a display that does not answer, it stops.
#![no_std]
#![no_main]

use core::fmt::{self, Write};

use dreamlet_runtime::draw::Picture;
use dreamlet_runtime::image::{Bayer, Levels};
use dreamlet_runtime::{Engine, ModelFile, include_model};
use embedded_graphics::image::Image;
use embedded_graphics::mono_font::MonoTextStyle;
use embedded_graphics::mono_font::ascii::FONT_6X10;
use embedded_graphics::pixelcolor::BinaryColor;
use embedded_graphics::prelude::*;
use embedded_graphics::text::Text;
use fugit::RateExtU32;
use panic_halt as _;
use rp2040_hal::clocks::{Clock, init_clocks_and_plls};
use rp2040_hal::gpio::{FunctionI2C, Pins, PullUp};
use rp2040_hal::{I2C, Sio, Watchdog, entry, pac};
use ssd1306::mode::DisplayConfig;
use ssd1306::prelude::*;
use ssd1306::{I2CDisplayInterface, Ssd1306};

/// The generator.
const MODEL: ModelFile = include_model!(concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/../../models/pico/pico.dream"
));
/// Frequency of the board's crystal, in hertz.
const CRYSTAL: u32 = 12_000_000;

/// The first instructions after reset, which make the flash readable.
#[unsafe(link_section = ".boot2")]
#[used]
static BOOT2: [u8; 256] = rp2040_boot2::BOOT_LOADER_GENERIC_03H;

struct Memory {
    latent: [f32; MODEL.latent_len()],
    scratch: [u8; MODEL.rows_scratch_len()],
    image: [u8; MODEL.image_len()],
}

#[entry]
fn main() -> ! {
    static mut MEMORY: Memory = Memory {
        latent: [0.0; MODEL.latent_len()],
        scratch: [0; MODEL.rows_scratch_len()],
        image: [0; MODEL.image_len()],
    };
    // It returns only when something has failed.
    run(MEMORY);
    loop {
        cortex_m::asm::wfi();
    }
}

/// Shows images for ever; `None` when something has failed.
fn run(memory: &mut Memory) -> Option<()> {
    let mut peripherals = pac::Peripherals::take()?;
    let mut watchdog = Watchdog::new(peripherals.WATCHDOG);
    let clocks = init_clocks_and_plls(
        CRYSTAL,
        peripherals.XOSC,
        peripherals.CLOCKS,
        peripherals.PLL_SYS,
        peripherals.PLL_USB,
        &mut peripherals.RESETS,
        &mut watchdog,
    )
    .ok()?;
    let pins = Pins::new(
        peripherals.IO_BANK0,
        peripherals.PADS_BANK0,
        Sio::new(peripherals.SIO).gpio_bank0,
        &mut peripherals.RESETS,
    );
    let i2c = I2C::i2c0(
        peripherals.I2C0,
        pins.gpio4.reconfigure::<FunctionI2C, PullUp>(),
        pins.gpio5.reconfigure::<FunctionI2C, PullUp>(),
        400.kHz(),
        &mut peripherals.RESETS,
        clocks.system_clock.freq(),
    );
    let interface = I2CDisplayInterface::new(i2c);
    let mut display = Ssd1306::new(interface, DisplaySize128x64, DisplayRotation::Rotate0)
        .into_buffered_graphics_mode();
    display.init().ok()?;

    let engine = Engine::new(MODEL.model().ok()?);
    let model = engine.model();
    let (shape, side) = (model.shape(), display.size().height as usize);
    let factor = (side / shape.height.max(shape.width)).max(1) as u32;
    let (latent, image) = (&mut memory.latent, &mut memory.image);
    let style = MonoTextStyle::new(&FONT_6X10, BinaryColor::On);
    for seed in 0.. {
        model.distribution().fill(seed, None, latent);
        let class = (model.classes() > 0).then(|| (seed % model.classes() as u64) as usize);
        engine
            .generate_u8(latent, class, &mut memory.scratch, image)
            .ok()?;
        let pixels = Picture::from_hwc(image, shape)
            .and_then(|pixels| pixels.scaled(factor))
            .ok()?
            .dithered(Bayer::Eight, Levels::BINARY);
        display.clear_buffer();
        let drawn = Image::new(&pixels, Point::zero()).draw(&mut display);
        let mut text = Line::default();
        let written = write!(text, "seed\n{seed}");
        let beside = Point::new(side as i32 + 8, side as i32 / 2);
        let told = Text::new(text.as_str(), beside, style).draw(&mut display);
        if drawn.is_err() || written.is_err() || told.is_err() || display.flush().is_err() {
            return None;
        }
    }
    Some(())
}

/// A short text without a heap.
#[derive(Default)]
struct Line {
    bytes: [u8; 32],
    len: usize,
}

impl Line {
    fn as_str(&self) -> &str {
        let bytes = self.bytes.get(..self.len).unwrap_or_default();
        str::from_utf8(bytes).unwrap_or_default()
    }
}

impl Write for Line {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let end = self.len + text.len();
        let room = self.bytes.get_mut(self.len..end).ok_or(fmt::Error)?;
        room.copy_from_slice(text.as_bytes());
        self.len = end;
        Ok(())
    }
}
