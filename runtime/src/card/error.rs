//! What can be wrong with a card.

use alloc::format;
use alloc::string::String;

use thiserror::Error;

use crate::image::ImageError;

/// What can be wrong with a [`Card`](super::Card).
#[derive(Clone, Debug, Error, PartialEq)]
#[non_exhaustive]
pub enum CardError {
    /// The JSON text is too long.
    #[error("the card is {found} bytes of JSON, at most {limit} are read")]
    TooLong {
        /// Most bytes that are read.
        limit: usize,
        /// Bytes of the text.
        found: usize,
    },
    /// Not JSON, or a field is missing or has the wrong type.
    #[error("the card cannot be read at line {line}, column {column}: {message}")]
    Json {
        /// Line of the text, from 1.
        line: usize,
        /// Column of the text.
        column: usize,
        /// What the parser says.
        message: String,
    },
    /// A format that this version does not know.
    #[error(
        "the card has format {found}, this version reads 1 to {newest}: update dreamlet-runtime"
    )]
    Format {
        /// The newest format it knows.
        newest: u32,
        /// The card's.
        found: u32,
    },
    /// A latent vector of no components or too many.
    #[error("the card's latent vector has {found} components, expected 1 to {limit}")]
    LatentLength {
        /// Most components.
        limit: usize,
        /// The card's.
        found: usize,
    },
    /// An impossible image shape or pixel range.
    #[error("the card's image: {0}")]
    Image(#[source] ImageError),
    /// Too many classes.
    #[error("the card names {found} classes, at most {limit} are possible")]
    Classes {
        /// Most classes.
        limit: usize,
        /// The card's.
        found: usize,
    },
    /// A tolerance that is negative or not finite.
    #[error("the card's tolerance max_abs is {found}, expected a finite number, 0 or more")]
    Tolerance {
        /// The card's.
        found: f32,
    },
    /// A golden image names a class the generator does not have, or none where it must.
    #[error("golden image {index} {}", class_misfit(*.classes, *.found))]
    GoldenClass {
        /// Which golden image, from 0.
        index: usize,
        /// Number of classes of the generator.
        classes: usize,
        /// The class it names.
        found: Option<usize>,
    },
    /// A golden image's hash is not 64 lower-case hexadecimal digits.
    #[error("golden image {index}: sha256 is not 64 lower-case hexadecimal digits")]
    GoldenHash {
        /// Which golden image, from 0.
        index: usize,
    },
    /// A golden image's mean is not between 0 and 255.
    #[error("golden image {index}: mean is {found}, expected 0 to 255")]
    GoldenMean {
        /// Which golden image, from 0.
        index: usize,
        /// The mean it gives.
        found: f32,
    },
    /// A golden image's fingerprint has the wrong length for the image's shape.
    #[error("golden image {index}: the fingerprint has {found} block means, expected {expected}")]
    GoldenFingerprint {
        /// Which golden image, from 0.
        index: usize,
        /// Block means needed.
        expected: usize,
        /// Block means given.
        found: usize,
    },
    /// A direction that is not of the latent space.
    #[error(
        "direction {index} has {found} components, expected {expected}, as many as the latent vector: write the directions again with `dreamlet directions`"
    )]
    DirectionComponents {
        /// Which direction, from 0.
        index: usize,
        /// Components of the latent vector.
        expected: usize,
        /// Components of the direction.
        found: usize,
    },
    /// A direction whose length is not 1.
    #[error(
        "direction {index} has length {found}, expected 1: write the directions again with `dreamlet directions`"
    )]
    DirectionLength {
        /// Which direction, from 0.
        index: usize,
        /// Its length.
        found: f32,
    },
    /// A direction without a name, or with another one's.
    #[error("direction {index} is called \"{name}\": expected a name that no other direction has")]
    DirectionName {
        /// Which direction, from 0.
        index: usize,
        /// Its name.
        name: String,
    },
    /// The card says of the file's inputs or output what means nothing.
    #[error("the card's interface: {found}")]
    Interface {
        /// What is wrong.
        found: String,
    },
    /// An engine failed at a golden image.
    #[error("seed {seed}: {reason}")]
    MakeGolden {
        /// The seed of the image.
        seed: u64,
        /// The engine's words.
        reason: String,
    },
}

/// How a golden image's class does not fit the generator's.
fn class_misfit(classes: usize, found: Option<usize>) -> String {
    match (classes, found) {
        (0, _) => "names a class, but the generator is unconditional".into(),
        (_, Some(found)) => format!("names class {found}, but there are {classes}"),
        (_, None) => format!("names no class, but the generator has {classes}"),
    }
}
