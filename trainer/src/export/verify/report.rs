//! What a check measured.

use core::fmt;

use dreamlet_runtime::image::Shape;

/// A value that two engines see differently.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Difference {
    /// Absolute difference.
    pub difference: f32,
    /// Seed of the image.
    pub seed: u64,
    /// Batch it was made in.
    pub batch: usize,
    /// Channel, row and column.
    pub position: [usize; 3],
    /// What the first engine made.
    pub left: f32,
    /// What the second engine made.
    pub right: f32,
}

/// Two engines.
#[derive(Clone, Debug, PartialEq)]
pub struct Pair {
    /// Name of the first.
    pub left: &'static str,
    /// Name of the second.
    pub right: &'static str,
    /// Where they differ most, once images have been compared.
    pub largest: Option<Difference>,
    /// Largest difference that passes.
    pub tolerance: f32,
    engines: [usize; 2],
}

/// What [`verify`](super::verify) measured. Prints as a small table.
#[derive(Clone, Debug, PartialEq)]
pub struct Report {
    /// The first engine with each other.
    pub pairs: Vec<Pair>,
    /// Sizes of the batches, together the number of seeds.
    pub batches: Vec<usize>,
    /// Golden images of the card that tract made again.
    pub golden: usize,
    /// What else there is to say, such as why an engine did not take part.
    pub notes: Vec<String>,
}

impl Report {
    /// `engines` are names and tolerances.
    pub(super) fn new(engines: &[(&'static str, f32)], golden: usize, notes: Vec<String>) -> Self {
        let others = engines.iter().enumerate().skip(1);
        let pairs = others.map(|(at, &(right, tolerance))| Pair {
            left: engines.first().map_or("", |first| first.0),
            right,
            largest: None,
            tolerance,
            engines: [0, at],
        });
        Self {
            pairs: pairs.collect(),
            batches: Vec::new(),
            golden,
            notes,
        }
    }

    /// Compares one batch: the images of each engine, in the order of the names.
    pub(super) fn add(&mut self, images: &[Vec<f32>], first_seed: u64, batch: usize, shape: Shape) {
        self.batches.push(batch);
        let (height, width) = (shape.height, shape.width);
        let len = shape.channels * height * width;
        for pair in &mut self.pairs {
            let [Some(left), Some(right)] = pair.engines.map(|engine| images.get(engine)) else {
                continue;
            };
            for (at, (&x, &y)) in left.iter().zip(right).enumerate() {
                let difference = (x - y).abs();
                if pair
                    .largest
                    .is_some_and(|largest| difference <= largest.difference)
                {
                    continue;
                }
                let inside = at % len;
                pair.largest = Some(Difference {
                    difference,
                    seed: first_seed + (at / len) as u64,
                    batch,
                    position: [
                        inside / (height * width),
                        inside / width % height,
                        inside % width,
                    ],
                    left: x,
                    right: y,
                });
            }
        }
    }

    /// The largest difference of all pairs.
    #[must_use]
    pub fn largest(&self) -> Option<Difference> {
        self.worst().and_then(|pair| pair.largest)
    }

    pub(super) fn worst(&self) -> Option<&Pair> {
        let size = |pair: &Pair| {
            let largest = pair.largest.map_or(0.0, |largest| largest.difference);
            largest / pair.tolerance
        };
        self.pairs.iter().max_by(|a, b| size(a).total_cmp(&size(b)))
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let batches: Vec<_> = self.batches.iter().map(ToString::to_string).collect();
        let seeds: usize = self.batches.iter().sum();
        writeln!(f, "{seeds} seeds in batches of {}", batches.join(", "))?;
        for pair in &self.pairs {
            let Some(largest) = &pair.largest else {
                continue;
            };
            let verdict = if largest.difference <= pair.tolerance {
                "ok"
            } else {
                "TOO LARGE"
            };
            let engines = format!("{} - {}", pair.left, pair.right);
            writeln!(
                f,
                "  {engines:<24} {:>9.2e}  of {:.0e}  {verdict}",
                largest.difference, pair.tolerance
            )?;
        }
        if self.golden > 0 {
            writeln!(f, "  {} golden images made again", self.golden)?;
        }
        for note in &self.notes {
            writeln!(f, "  {note}")?;
        }
        Ok(())
    }
}
