//! All that one image needs: latent, generator, bytes, place on the display, inks.

use std::time::SystemTime;

use dreamlet_runtime::image::{ImageError, to_hwc_u8};
use dreamlet_runtime::latent::{Walk, WalkError};
use dreamlet_runtime::{Shape, generator::GenerateError};
use thiserror::Error;

use super::series::{Order, Series};
use crate::display::{DisplayError, Facts};
use crate::model::{Model, ModelError};
use crate::options::{Choices, Mode};
use crate::picture::{Canvas, Dither, Fit, Fitter, Inker, PaletteChoice, Rotation};

/// Images in the shorter side of a mosaic, where the user names no factor.
const MOSAIC: usize = 6;
/// Images from one seed of a walk to the next, where the user names no number.
const STEPS: u32 = 30;

/// How images are to look.
#[derive(Clone, Debug, Default)]
pub struct Look {
    /// What is shown.
    pub mode: Mode,
    /// The first seed.
    pub seed: u64,
    /// Images from one seed of a walk to the next.
    pub steps: u32,
    /// The class, by name or number.
    pub class: Option<String>,
    /// Limit of the latent's elements.
    pub truncation: Option<f32>,
    /// How an image fills the display; `None` for the mode's own way.
    pub fit: Option<Fit>,
    /// How far the display is turned.
    pub rotation: Rotation,
    /// Colours.
    pub palette: PaletteChoice,
    /// Dithering.
    pub dither: Dither,
}

impl Look {
    /// By the user's choices.
    #[must_use]
    pub fn of(choices: &Choices) -> Self {
        Self {
            mode: choices.mode(),
            seed: choices.seed.unwrap_or(1),
            steps: choices.steps.unwrap_or(STEPS),
            class: choices.class.clone(),
            truncation: choices.truncation,
            fit: choices.fit,
            rotation: choices.rotate.unwrap_or_default(),
            palette: choices.palette.unwrap_or_default(),
            dither: choices.dither.unwrap_or_default(),
        }
    }
}

/// Why no image can be made.
#[derive(Debug, Error)]
pub enum StudioError {
    /// The model.
    #[error(transparent)]
    Model(#[from] ModelError),
    /// The display cannot show the palette.
    #[error(transparent)]
    Display(#[from] DisplayError),
    /// A latent.
    #[error("the walk: {0}")]
    Walk(#[from] WalkError),
    /// The engine.
    #[error("the image: {0}")]
    Generate(#[from] GenerateError),
    /// The image.
    #[error("the image: {0}")]
    Image(#[from] ImageError),
    /// The display is smaller than an image of the mosaic.
    #[error(
        "a display of {width} x {height} has no room for an image of {image_width} x {image_height} times {factor}: take a smaller --fit"
    )]
    Mosaic {
        /// Columns of the display.
        width: usize,
        /// Rows of the display.
        height: usize,
        /// Columns of an image.
        image_width: usize,
        /// Rows of an image.
        image_height: usize,
        /// How many times larger.
        factor: usize,
    },
}

/// Makes images of one model for one display. It allocates when it is made, and not for an image.
pub struct Studio {
    model: Model,
    series: Series,
    truncation: Option<f32>,
    latent: Vec<f32>,
    values: Vec<f32>,
    /// One image, or all of a mosaic, as bytes.
    bytes: Vec<u8>,
    sheet: Vec<u8>,
    /// Images in a row of the mosaic, and rows; 1 and 1 without.
    tiles: (usize, usize),
    fitter: Fitter,
    inker: Option<Inker>,
    /// What was made last.
    last: Option<Order>,
}

impl Studio {
    /// For a model and a display.
    ///
    /// # Errors
    /// [`StudioError`] for what does not go together.
    pub fn new(model: Model, facts: &Facts, look: &Look) -> Result<Self, StudioError> {
        let shape = model.shape();
        let len = shape.check()?;
        if look.mode == Mode::Classes && model.classes() == 0 {
            let what = "--mode classes";
            return Err(ModelError::Unconditional { what }.into());
        }
        let class = look.class.as_deref().map(|name| model.class(name));
        let palette = look.palette.on(facts.palette);
        check_inks(palette, facts)?;
        let size = (facts.width, facts.height);
        let seen = look.rotation.seen(facts.width, facts.height);
        let (tiles, fit) = match look.mode {
            Mode::Mosaic => mosaic(shape, seen, look.fit)?,
            _ => ((1, 1), look.fit.unwrap_or_default()),
        };
        let sheet_shape = Shape {
            channels: shape.channels,
            height: shape.height * tiles.1,
            width: shape.width * tiles.0,
        };
        Ok(Self {
            series: Series::new(look.mode, look.seed, model.classes(), class.transpose()?),
            truncation: look.truncation,
            latent: vec![0.0; model.generator.latent_len()],
            values: vec![0.0; len],
            bytes: vec![0; len],
            sheet: vec![0; len * tiles.0 * tiles.1],
            tiles,
            fitter: Fitter::new(sheet_shape, size, fit, look.rotation, facts.border),
            inker: palette.map(|palette| Inker::new(palette, look.dither, facts.width)),
            last: None,
            model,
        })
    }

    /// The model.
    #[must_use]
    pub const fn model(&self) -> &Model {
        &self.model
    }

    /// Elements of the keys that a walk needs.
    #[must_use]
    pub fn walk_buffer(&self) -> Vec<f32> {
        vec![0.0; Walk::buffer_len(self.latent.len()).unwrap_or(0)]
    }

    /// A walk of this model, from a seed on.
    ///
    /// # Errors
    /// [`StudioError::Walk`].
    pub fn walk<'b>(
        &self,
        seed: u64,
        steps: u32,
        keys: &'b mut [f32],
    ) -> Result<Walk<'b>, StudioError> {
        let (distribution, len) = (self.model.distribution, self.latent.len());
        Ok(Walk::new(
            distribution,
            seed,
            steps,
            self.truncation,
            len,
            keys,
        )?)
    }

    /// Makes the next image: at the walk's next point, or by the mode's seeds.
    ///
    /// # Errors
    /// [`StudioError`].
    pub fn make(
        &mut self,
        walk: Option<&mut Walk<'_>>,
        canvas: &mut Canvas,
    ) -> Result<Order, StudioError> {
        let now = SystemTime::now();
        let order = match walk {
            Some(walk) => {
                let seed = walk.seed();
                walk.next_into(&mut self.latent)?;
                let class = self.series.next(now).class;
                self.generate(class)?;
                Order { seed, class }
            }
            None => {
                let first = self.series.next(now);
                let (columns, rows) = self.tiles;
                let mut order = first;
                for tile in 0..columns * rows {
                    if tile > 0 {
                        order = self.series.next(now);
                    }
                    self.at_seed(order)?;
                    if columns * rows > 1 {
                        self.put_tile(tile);
                    }
                }
                first
            }
        };
        let image = match self.tiles {
            (1, 1) => &self.bytes,
            _ => &self.sheet,
        };
        self.fitter.draw(image, canvas);
        if let Some(inker) = &mut self.inker {
            inker.ink(canvas)?;
        }
        self.last = Some(order);
        Ok(order)
    }

    /// A button: the class after that of the last image.
    pub fn next_class(&mut self) {
        self.series
            .next_class(self.last.and_then(|order| order.class));
    }

    /// A button: another image.
    pub fn skip(&mut self) {
        self.series.skip();
    }

    fn at_seed(&mut self, order: Order) -> Result<(), StudioError> {
        let distribution = self.model.distribution;
        distribution.fill(order.seed, self.truncation, &mut self.latent);
        self.generate(order.class)
    }

    fn generate(&mut self, class: Option<usize>) -> Result<(), StudioError> {
        let (shape, range) = (self.model.shape(), self.model.range());
        let generator = &mut self.model.generator;
        generator.generate(&self.latent, class, &mut self.values)?;
        Ok(to_hwc_u8(&self.values, shape, range, &mut self.bytes)?)
    }

    /// Puts the image at its place in the mosaic.
    fn put_tile(&mut self, tile: usize) {
        let shape = self.model.shape();
        let row_len = shape.width * shape.channels;
        let stride = row_len * self.tiles.0;
        let (column, row) = (tile % self.tiles.0, tile / self.tiles.0);
        for (y, from) in self.bytes.chunks_exact(row_len).enumerate() {
            let at = (row * shape.height + y) * stride + column * row_len;
            if let Some(to) = self.sheet.get_mut(at..at + row_len) {
                to.copy_from_slice(from);
            }
        }
    }
}

/// Images in a row and in a column of a mosaic, and how it is enlarged.
fn mosaic(
    shape: Shape,
    (width, height): (usize, usize),
    fit: Option<Fit>,
) -> Result<((usize, usize), Fit), StudioError> {
    let factor = match fit {
        Some(Fit::Times(factor)) => factor as usize,
        _ => (width.min(height) / (MOSAIC * shape.width.max(shape.height))).max(1),
    };
    let tiles = (
        width / (shape.width * factor),
        height / (shape.height * factor),
    );
    if tiles.0 == 0 || tiles.1 == 0 {
        return Err(StudioError::Mosaic {
            width,
            height,
            image_width: shape.width,
            image_height: shape.height,
            factor,
        });
    }
    Ok((tiles, Fit::Times(u32::try_from(factor).unwrap_or(1))))
}

/// Whether a display has all inks of a palette; one of all colours has.
fn check_inks(palette: Option<crate::picture::Palette>, facts: &Facts) -> Result<(), DisplayError> {
    let Some(own) = facts.palette else {
        return Ok(());
    };
    let Some(palette) = palette else {
        return Err(DisplayError::Ink {
            ink: "every".into(),
            palette: "full",
        });
    };
    let has = |ink| own.inks.contains(&ink);
    match palette.inks.iter().find(|ink| !has(**ink)) {
        None => Ok(()),
        Some(ink) => Err(DisplayError::Ink {
            ink: format!("{ink:?}").to_lowercase(),
            palette: palette.name,
        }),
    }
}
