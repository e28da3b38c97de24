//! An image frame that never shows the same image twice: an endless walk through latent space,
//! drawn by embedded-graphics on a simulated display.
//!
//! ```text
//! cargo run --release -p dreamlet-runtime --features std,embedded-graphics --example frame -- MODEL.dream \
//!     [--frames 60] [--out frames/] [--side 240] [--steps 30] [--seed 1] [--truncation 1] [--class 7] [--mono]
//! ```
//!
//! With the feature `tract` it takes ONNX files too. Without a window it writes `--frames` PNG
//! files (60 by default). With the feature `window` (which needs SDL2) it opens one instead, and
//! goes on until it is closed or `--frames` are shown. `--mono` dithers to black and white, as for
//! an e-paper panel. On a device, put the display's driver in the simulator's place.

use std::error::Error;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use dreamlet_runtime::draw::Picture;
#[cfg(feature = "tract")]
use dreamlet_runtime::engine::tract::OnnxGenerator;
use dreamlet_runtime::image::{Bayer, Levels};
use dreamlet_runtime::latent::{Distribution, Walk};
use dreamlet_runtime::{CompiledGenerator, Generator};
use embedded_graphics::image::Image;
use embedded_graphics::pixelcolor::Rgb888;
use embedded_graphics::prelude::*;
use embedded_graphics_simulator::{OutputSettings, SimulatorDisplay};

struct Options {
    model: PathBuf,
    out: PathBuf,
    frames: Option<usize>,
    side: u32,
    steps: u32,
    seed: u64,
    truncation: f32,
    class: Option<usize>,
    mono: bool,
}

fn options() -> Result<Options, Box<dyn Error>> {
    let mut options = Options {
        model: PathBuf::new(),
        out: "frames".into(),
        frames: None,
        side: 240,
        steps: 30,
        seed: 1,
        truncation: 1.0,
        class: None,
        mono: false,
    };
    let mut arguments = std::env::args().skip(1);
    while let Some(argument) = arguments.next() {
        let mut value = || arguments.next().ok_or(format!("{argument} needs a value"));
        match argument.as_str() {
            "--out" => options.out = value()?.into(),
            "--frames" => options.frames = Some(value()?.parse()?),
            "--side" => options.side = value()?.parse()?,
            "--steps" => options.steps = value()?.parse()?,
            "--seed" => options.seed = value()?.parse()?,
            "--truncation" => options.truncation = value()?.parse()?,
            "--class" => options.class = Some(value()?.parse()?),
            "--mono" => options.mono = true,
            _ => options.model = argument.into(),
        }
    }
    if options.model.as_os_str().is_empty() {
        return Err("give MODEL.dream, or MODEL.onnx with the feature tract".into());
    }
    Ok(options)
}

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

/// A generator, and what its latent vectors are drawn from.
fn open(model: &Path) -> Result<(Box<dyn Generator>, Distribution), Box<dyn Error>> {
    if model.extension().is_some_and(|e| e == "onnx") {
        #[cfg(feature = "tract")]
        {
            let generator = OnnxGenerator::open(model)?;
            let distribution = generator.distribution();
            return Ok((Box::new(generator), distribution));
        }
        #[cfg(not(feature = "tract"))]
        return Err("built without the feature tract: make a compiled model of it (dreamlet compile MODEL.onnx --out MODEL.dream)".into());
    }
    let generator = CompiledGenerator::open(model)?;
    let distribution = generator.model().distribution();
    Ok((Box::new(generator), distribution))
}

fn run() -> Result<(), Box<dyn Error>> {
    let options = options()?;
    let (mut generator, distribution) = open(&options.model)?;
    let len = generator.latent_len();
    let mut keys = vec![0.0; Walk::buffer_len(len).ok_or("the latent is too long")?];
    let truncation = Some(options.truncation);
    let mut walk = Walk::new(
        distribution,
        options.seed,
        options.steps,
        truncation,
        len,
        &mut keys,
    )?;
    let mut latent = vec![0.0; len];
    let shape = generator.shape();
    let mut values = vec![0.0; shape.len().ok_or("the image is too large")?];
    let longest = u32::try_from(shape.height.max(shape.width))?;
    let factor = (options.side / longest).max(1);
    let mut display = SimulatorDisplay::<Rgb888>::new(Size::new_equal(options.side));
    let mut screen = Screen::new(&options)?;
    for number in 0usize.. {
        walk.next_into(&mut latent)?;
        generator.generate(&latent, options.class, &mut values)?;
        let mut image = Picture::from_chw(&values, shape, generator.range())?.scaled(factor)?;
        if options.mono {
            image = image.dithered(Bayer::Eight, Levels::BINARY);
        }
        let free = display.size().saturating_sub(image.size()) / 2;
        let corner = Point::new(i32::try_from(free.width)?, i32::try_from(free.height)?);
        Image::new(&image, corner).draw(&mut display)?;
        if !screen.show(&display, number)?
            || options.frames.is_some_and(|frames| number + 1 >= frames)
        {
            break;
        }
    }
    Ok(())
}

/// Writes frames as PNG files.
#[cfg(not(feature = "window"))]
struct Screen {
    out: PathBuf,
    frames: usize,
}

#[cfg(not(feature = "window"))]
impl Screen {
    fn new(options: &Options) -> Result<Self, Box<dyn Error>> {
        std::fs::create_dir_all(&options.out)?;
        Ok(Self {
            out: options.out.clone(),
            frames: options.frames.unwrap_or(60),
        })
    }

    fn show(
        &mut self,
        display: &SimulatorDisplay<Rgb888>,
        number: usize,
    ) -> Result<bool, Box<dyn Error>> {
        let path = self.out.join(format!("{number:06}.png"));
        display
            .to_rgb_output_image(&OutputSettings::default())
            .save_png(&path)?;
        if number + 1 == self.frames {
            println!("{} frames in {}", self.frames, self.out.display());
        }
        Ok(number + 1 < self.frames)
    }
}

/// Shows frames in a window.
#[cfg(feature = "window")]
struct Screen(embedded_graphics_simulator::Window);

#[cfg(feature = "window")]
impl Screen {
    fn new(_: &Options) -> Result<Self, Box<dyn Error>> {
        Ok(Self(embedded_graphics_simulator::Window::new(
            "dreamlet",
            &OutputSettings::default(),
        )))
    }

    fn show(
        &mut self,
        display: &SimulatorDisplay<Rgb888>,
        _: usize,
    ) -> Result<bool, Box<dyn Error>> {
        self.0.update(display);
        let closed = self
            .0
            .events()
            .any(|event| event == embedded_graphics_simulator::SimulatorEvent::Quit);
        std::thread::sleep(std::time::Duration::from_millis(33));
        Ok(!closed)
    }
}
