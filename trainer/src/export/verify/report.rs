//! What a check measured.

use core::fmt;

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
    engines: [usize; 2],
}

/// What [`verify`](super::verify) measured. Prints as a small table.
#[derive(Clone, Debug, PartialEq)]
pub struct Report {
    /// Every pair of engines.
    pub pairs: Vec<Pair>,
    /// Sizes of the batches, together the number of seeds.
    pub batches: Vec<usize>,
    /// Largest difference that passes.
    pub tolerance: f32,
    /// Golden images of the card that tract made again.
    pub golden: usize,
    /// Why onnxruntime did not take part, where it was wanted.
    pub missing: Option<String>,
}

impl Report {
    pub(super) fn new(
        names: &[&'static str],
        tolerance: f32,
        golden: usize,
        missing: Option<String>,
    ) -> Self {
        let mut pairs = Vec::new();
        for (i, &left) in names.iter().enumerate() {
            for (j, &right) in names.iter().enumerate().skip(i + 1) {
                pairs.push(Pair {
                    left,
                    right,
                    largest: None,
                    engines: [i, j],
                });
            }
        }
        Self {
            pairs,
            batches: Vec::new(),
            tolerance,
            golden,
            missing,
        }
    }

    /// Compares one batch: the images of each engine, in the order of the names.
    pub(super) fn add(
        &mut self,
        images: &[Vec<f32>],
        first_seed: u64,
        batch: usize,
        [channels, height, width]: [usize; 3],
    ) {
        self.batches.push(batch);
        let len = channels * height * width;
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
        let size = |pair: &Pair| pair.largest.map_or(0.0, |largest| largest.difference);
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
            let verdict = if largest.difference <= self.tolerance {
                "ok"
            } else {
                "TOO LARGE"
            };
            let engines = format!("{} - {}", pair.left, pair.right);
            writeln!(
                f,
                "  {engines:<22} {:>9.2e}  of {:.0e}  {verdict}",
                largest.difference, self.tolerance
            )?;
        }
        if self.golden > 0 {
            writeln!(f, "  {} golden images made again", self.golden)?;
        }
        match &self.missing {
            Some(missing) => writeln!(f, "  onnxruntime was left out: {missing}"),
            None => Ok(()),
        }
    }
}
