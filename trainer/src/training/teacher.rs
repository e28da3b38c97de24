//! A trained generator that another one learns from: its images stand in the place of the data's.

use std::path::PathBuf;

use dreamlet_runtime::engine::tract::Assumptions;
use dreamlet_runtime::generator::Generator as _;
use dreamlet_runtime::image::PixelRange;
use dreamlet_runtime::latent::Distribution;

use super::error::TrainError;
use crate::config::Config;
use crate::generator_file::{FileGenerator, open};
use crate::random::{Purpose, normal_values};

/// A generator's file, and the latents of a run's steps.
#[derive(Debug)]
pub(super) struct Teacher {
    file: PathBuf,
    generator: FileGenerator,
    /// Of the student.
    range: PixelRange,
    seed: u64,
    /// Number of the next batch.
    next: u64,
}

impl Teacher {
    /// The teacher of a run, if it has one; batch number `next` comes first.
    ///
    /// # Errors
    /// [`TrainError::Teacher`] if the file is refused, or makes other images than the student.
    pub(super) fn of(
        config: &Config,
        range: PixelRange,
        next: u64,
    ) -> Result<Option<Self>, TrainError> {
        let gan = config.gan.as_ref().filter(|gan| !gan.teacher.is_empty());
        let Some(file) = gan.map(|gan| PathBuf::from(&gan.teacher)) else {
            return Ok(None);
        };
        let refused = |reason: String| TrainError::Teacher {
            file: file.clone(),
            reason,
        };
        let generator = open(&file, &Assumptions::default());
        let generator = generator.map_err(|error| refused(error.to_string()))?;
        if let Some(difference) = difference(config, &generator) {
            return Err(refused(difference));
        }
        Ok(Some(Self {
            file,
            generator,
            range,
            seed: config.training.seed,
            next,
        }))
    }

    /// Puts the images of the next batch's latents, which are the student's, into `pixels`,
    /// `[rows, C, H, W]`.
    ///
    /// # Errors
    /// [`TrainError::Teacher`] if the engine fails; `pixels` is then unspecified.
    pub(super) fn next(
        &mut self,
        rows: usize,
        classes: Option<&[usize]>,
        pixels: &mut Vec<f32>,
    ) -> Result<(), TrainError> {
        let (generator, to) = (&mut self.generator, self.range);
        let latents = rows.saturating_mul(generator.latent_len());
        let latents = normal_values(self.seed, Purpose::Latents, self.next, latents);
        self.next = self.next.wrapping_add(1);
        pixels.resize(rows.saturating_mul(generator.image_len()), 0.0);
        let made = generator.generate_batch(&latents, classes, pixels);
        made.map_err(|error| TrainError::Teacher {
            file: self.file.clone(),
            reason: error.to_string(),
        })?;
        let from = generator.range();
        let scale = (to.high - to.low) / (from.high - from.low);
        for pixel in pixels {
            *pixel = to.low + (*pixel - from.low) * scale;
        }
        Ok(())
    }
}

/// What makes a teacher's images or latents other ones than the student's.
fn difference(config: &Config, teacher: &FileGenerator) -> Option<String> {
    let shape = teacher.shape();
    let [found, wanted] = [
        [shape.channels, shape.height, shape.width],
        [config.data.channels, config.data.size, config.data.size],
    ];
    let in_words = |[channels, height, width]: [usize; 3]| format!("{channels}x{height}x{width}");
    let (latent, classes) = (config.model.latent, config.model.classes);
    if found != wanted {
        let (found, wanted) = (in_words(found), in_words(wanted));
        return Some(format!(
            "it makes images of {found}, the student of {wanted}: set data.channels and data.size to the teacher's"
        ));
    }
    if teacher.distribution() != Distribution::Normal {
        return Some(
            "its latents are uniform, the student's come from a normal distribution".to_owned(),
        );
    }
    if teacher.latent_len() != latent {
        let found = teacher.latent_len();
        return Some(format!(
            "its latents have {found} elements, the student's {latent}: set model.latent={found}"
        ));
    }
    let found = teacher.classes();
    (found != classes).then(|| {
        format!("it has {found} classes, the student {classes}: set model.classes={found}")
    })
}

#[cfg(test)]
mod tests {
    use burn::tensor::Device;

    use super::*;
    use crate::atomic_file::TestFolder;
    use crate::export;
    use crate::nets::Generator;
    use crate::nets::testing::preset;
    use crate::random::normals;
    use crate::training::batch::{class_tensor, range};

    #[test]
    fn pairs_are_images_of_the_same_latents_and_classes_in_the_students_range() {
        let folder = TestFolder::new();
        let file = folder.0.join("teacher.onnx");
        let sizes = ["data.size=16", "model.width=4", "model.classes=3"];
        let of_teacher = preset("cgan", &[&sizes[..], &["model.output=sigmoid"]].concat());
        let generator = Generator::new(&of_teacher, &Device::flex());
        let names = ["a", "b", "c"].map(str::to_owned);
        let card = export::generator::card(&of_teacher, &names, "teacher").unwrap();
        let graph = export::generator::graph(&generator, &of_teacher).unwrap();
        export::save(graph, card, &file).unwrap();
        let teacher = format!("gan.teacher={}", file.display());
        let of_student = |sets: &[&str]| {
            let config = preset("cgan", &[&sizes[..], &[&*teacher], sets].concat());
            let made = Teacher::of(&config, range(&config), 7);
            made.map(|teacher| (config, teacher.unwrap()))
        };
        let (config, mut teacher) = of_student(&[]).unwrap();
        for number in 7..9 {
            let (seed, latent) = (config.training.seed, config.model.latent);
            let latents = normals(seed, Purpose::Latents, number, 3, latent, &Device::flex());
            let classes = class_tensor([2, 0, 1], &Device::flex());
            let images = generator.forward(latents, Some(classes));
            let images: Vec<f32> = images.into_data().try_to_vec().unwrap();
            let mut found = Vec::new();
            teacher.next(3, Some(&[2, 0, 1]), &mut found).unwrap();
            assert_eq!(found.len(), images.len());
            // From 0 to 1 to -1 to 1.
            let apart = images.iter().zip(&found);
            let apart = apart.map(|(image, found)| (2.0 * image - 1.0 - found).abs());
            assert!(apart.fold(0.0, f32::max) < 1e-4);
        }
        for (set, named) in [
            ("model.latent=5", "model.latent=32"),
            ("data.channels=3", "1x16x16"),
            ("model.classes=4", "model.classes=3"),
        ] {
            let error = of_student(&[set]).unwrap_err().to_string();
            assert!(error.contains(named), "{error}");
        }
    }
}
