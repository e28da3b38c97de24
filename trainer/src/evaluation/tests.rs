//! The whole way, on small sets.

use dreamlet_runtime::image::PixelRange;
use dreamlet_runtime::latent::fill_normal;

use super::*;
use crate::atomic_file::TestFolder;
use crate::data::{DataSpec, Dataset, LoadOptions, Silent, Split, load};

/// `limit` training and 300 test glyphs.
pub(super) fn glyphs(limit: usize) -> Dataset {
    let options = LoadOptions {
        limit: Some(limit),
        ..LoadOptions::default()
    };
    let mut data = load(&DataSpec::Glyphs, &options).unwrap();
    let pixels = data.test.pixels()[..300 * 784].to_vec();
    let labels = data.test.labels().unwrap()[..300].to_vec();
    data.test = Split::new(pixels, Some(labels), 784).unwrap();
    data
}

/// A generator that is a function of latents `[N, z]` and classes, to values `[N, C, H, W]` in
/// `range`.
struct FunctionSource<F> {
    latent: usize,
    shape: [usize; 3],
    classes: usize,
    range: PixelRange,
    function: F,
}

impl<F: FnMut(&[f32], &[usize]) -> Result<Vec<f32>, String>> ImageSource for FunctionSource<F> {
    fn shape(&self) -> [usize; 3] {
        self.shape
    }

    fn classes(&self) -> usize {
        self.classes
    }

    fn images(
        &mut self,
        first: u64,
        count: usize,
        classes: &[usize],
    ) -> Result<Vec<u8>, EvaluationError> {
        let mut latents = vec![0.0; count * self.latent];
        for (seed, latent) in (first..).zip(latents.chunks_exact_mut(self.latent)) {
            fill_normal(seed, None, latent);
        }
        let failed = |reason| EvaluationError::Generate { reason };
        let values = (self.function)(&latents, classes).map_err(failed)?;
        assert_eq!(values.len(), count * self.shape.iter().product::<usize>());
        Ok(values.iter().map(|v| self.range.to_u8(*v)).collect())
    }
}

fn options(folder: &TestFolder) -> EvaluationOptions<'static> {
    EvaluationOptions {
        samples: 300,
        seed: 3,
        metrics: Metric::ALL.to_vec(),
        extractor: None,
        cache: Some(folder.0.clone()),
        keep: false,
        progress: &Silent,
    }
}

/// A conditional "generator" that returns training images of the class, `skip` classes further on.
fn copies(data: &Dataset, skip: usize) -> impl ImageSource {
    let data = data.clone();
    let mut next = 0;
    FunctionSource {
        latent: 4,
        shape: [1, 28, 28],
        classes: 10,
        range: PixelRange::UNIT,
        function: move |_: &[f32], classes: &[usize]| {
            let mut out = Vec::new();
            for class in classes {
                let wanted = u16::try_from((class + skip) % 10).unwrap();
                while data.train.label(next % 1200) != Some(wanted) {
                    next += 1;
                }
                let pixels = data.train.image(next % 1200).unwrap();
                out.extend(pixels.iter().map(|byte| f32::from(*byte) / 255.0));
                next += 1;
            }
            Ok(out)
        },
    }
}

#[test]
fn copies_of_training_images_are_good_by_every_metric_but_memorization() {
    let (data, folder) = (glyphs(1200), TestFolder::new());
    let mut evaluator = Evaluator::new(&data, options(&folder)).unwrap();
    let report = evaluator
        .evaluate("copies", &mut copies(&data, 0))
        .unwrap()
        .report;
    let value = |key: &str| report.metric(key).unwrap().value;
    let floor = |key: &str| report.metric(key).unwrap().floor.unwrap();
    assert!(value("frechet_distance") < 4.0 * floor("frechet_distance"));
    assert!(value("precision") > 0.7 && value("recall") > 0.7);
    assert!(value("class_accuracy") > 0.8);
    assert_eq!(value("memorized_share_pixels"), 1.0);
    assert_eq!(value("memorized_share_features"), 1.0);
    // Every metric says what it stands on.
    for metric in &report.metrics {
        assert_eq!(
            (
                metric.provenance.fake,
                metric.provenance.floor,
                metric.provenance.seed
            ),
            (300, 300, 3)
        );
        if let Some(extractor) = &metric.provenance.extractor {
            assert!(extractor.sha256.len() == 64 && extractor.accuracy.unwrap() > 0.8);
        }
    }
    let wrong = evaluator
        .evaluate("wrong", &mut copies(&data, 1))
        .unwrap()
        .report;
    assert!(wrong.metric("class_accuracy").unwrap().value < 0.2);
}

#[test]
fn noise_is_bad_and_a_second_evaluator_reads_the_same_metrics_from_the_cache() {
    let (data, folder) = (glyphs(1200), TestFolder::new());
    let noise = || FunctionSource {
        latent: 784,
        shape: [1, 28, 28],
        classes: 0,
        range: PixelRange::SIGNED,
        function: |latents: &[f32], _: &[usize]| Ok(latents.to_vec()),
    };
    let mut first = Evaluator::new(&data, options(&folder)).unwrap();
    let found = first.evaluate("noise", &mut noise()).unwrap().report;
    let far = found.metric("frechet_distance").unwrap();
    assert!(far.value > 20.0 * far.floor.unwrap(), "{far:?}");
    assert!(found.metric("coverage").unwrap().value < 0.1);
    assert!(found.metric("class_accuracy").is_none());
    let mut second = Evaluator::new(&data, options(&folder)).unwrap();
    assert_eq!(
        second.evaluate("noise", &mut noise()).unwrap().report,
        found
    );
}

#[test]
fn data_without_labels_has_the_metrics_of_pixels() {
    let (labelled, folder) = (glyphs(1200), TestFolder::new());
    let mut source = copies(&labelled, 0);
    let mut data = labelled.clone();
    for split in [&mut data.train, &mut data.test] {
        *split = Split::new(split.pixels().to_vec(), None, 784).unwrap();
    }
    let pixels = EvaluationOptions {
        metrics: vec![
            Metric::SlicedWasserstein,
            Metric::MsSsim,
            Metric::Memorization,
        ],
        ..options(&folder)
    };
    let mut evaluator = Evaluator::new(&data, pixels).unwrap();
    let report = evaluator.evaluate("copies", &mut source).unwrap().report;
    let keys: Vec<&str> = report.metrics.iter().map(|metric| metric.key).collect();
    let expected = [
        "sliced_wasserstein",
        "ms_ssim",
        "memorized_share_pixels",
        "memorized_ratio_pixels",
    ];
    assert_eq!(keys, expected);
    for metric in &report.metrics {
        assert!(metric.provenance.extractor.is_none() && metric.provenance.fake == 300);
    }
    assert_eq!(report.metric("memorized_share_pixels").unwrap().value, 1.0);
    // Features were wanted.
    let error = Evaluator::new(&data, options(&folder)).err().unwrap();
    assert!(error.to_string().contains("--extractor"), "{error}");
}

#[test]
fn images_of_another_shape_and_too_few_are_refused() {
    let (data, folder) = (glyphs(1200), TestFolder::new());
    let few = EvaluationOptions {
        samples: 20,
        ..options(&folder)
    };
    assert!(matches!(
        Evaluator::new(&data, few).err(),
        Some(EvaluationError::TooFew { found: 20, .. })
    ));
    let only = EvaluationOptions {
        metrics: vec![Metric::SlicedWasserstein],
        ..options(&folder)
    };
    let mut evaluator = Evaluator::new(&data, only).unwrap();
    let mut other = FunctionSource {
        latent: 1,
        shape: [3, 32, 32],
        classes: 0,
        range: PixelRange::UNIT,
        function: |_: &[f32], _: &[usize]| Ok(Vec::new()),
    };
    let error = evaluator
        .evaluate("other", &mut other)
        .err()
        .unwrap()
        .to_string();
    assert!(
        error.contains("3 channels") && error.contains("32x32"),
        "{error}"
    );
}

#[test]
fn a_folder_is_measured_like_the_generator_that_made_its_images() {
    let (data, folder) = (glyphs(1200), TestFolder::new());
    for index in 0..120 {
        let generated = data.train.image(index).unwrap().to_vec();
        let generated = image::GrayImage::from_raw(28, 28, generated).unwrap();
        let path = folder.write(&format!("images/{index}.png"), b"");
        generated.save(path).unwrap();
    }
    let mut source = FolderSource::open(&folder.0.join("images"), 28, 1).unwrap();
    assert_eq!(
        (source.available(), source.shape()),
        (Some(120), [1, 28, 28])
    );
    // In any order of asking.
    let all = source.images(0, 500, &[]).unwrap();
    assert_eq!(all.len(), 120 * 784);
    assert_eq!(source.images(30, 2, &[]).unwrap(), all[30 * 784..32 * 784]);
    assert_eq!(source.images(50, 1, &[]).unwrap(), all[50 * 784..51 * 784]);
    let options = EvaluationOptions {
        metrics: vec![Metric::SlicedWasserstein, Metric::Memorization],
        keep: true,
        ..options(&folder)
    };
    let mut evaluator = Evaluator::new(&data, options).unwrap();
    let found = evaluator.evaluate("images", &mut source).unwrap();
    let share = found.report.metric("memorized_share_pixels").unwrap();
    assert_eq!((share.value, share.provenance.fake), (1.0, 120));
    assert_eq!(found.worst.len(), 16);
    for worst in &found.worst {
        assert_eq!(Some(&worst.pixels[..]), data.train.image(worst.training));
        assert_eq!(worst.pixels, all[worst.image * 784..][..784]);
    }
    evaluator.dump(&found, &folder.0).unwrap();
    let written = std::fs::read(folder.0.join("fake_pixels.npy")).unwrap();
    assert!(written.ends_with(&all));
}
