//! The whole way, on small sets.

use dreamlet_runtime::image::PixelRange;
use dreamlet_runtime::latent::fill_normal;

use super::*;
use crate::atomic_file::TestFolder;
use crate::colour::Colour;
use crate::data::{
    DataSpec, Dataset, FolderImages, LoadOptions, Silent, Split, Stack, load, stack,
};

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

/// A generator of planar bytes that is a function of the first image's number and of classes, of
/// which there are so many.
struct FunctionSource<F>([usize; 3], usize, F);

impl<F: FnMut(u64, usize, &[usize]) -> Vec<u8>> ImageSource for FunctionSource<F> {
    fn shape(&self) -> [usize; 3] {
        self.0
    }

    fn classes(&self) -> usize {
        self.1
    }

    fn images(
        &mut self,
        first: u64,
        count: usize,
        classes: &[usize],
    ) -> Result<Vec<u8>, EvaluationError> {
        Ok((self.2)(first, count, classes))
    }
}

fn options(folder: &TestFolder) -> EvaluationOptions<'static> {
    EvaluationOptions {
        samples: 300,
        seed: 3,
        metrics: Metric::all().collect(),
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
    FunctionSource([1, 28, 28], 10, move |_, _, classes: &[usize]| {
        let mut out = Vec::new();
        for class in classes {
            let wanted = u16::try_from((class + skip) % 10).unwrap();
            while data.train.label(next % 1200) != Some(wanted) {
                next += 1;
            }
            out.extend(data.train.image(next % 1200).unwrap());
            next += 1;
        }
        out
    })
}

/// The report on `source`.
fn report(evaluator: &mut Evaluator<'_>, mut source: impl ImageSource) -> MetricReport {
    evaluator.evaluate("source", &mut source).unwrap().report
}

#[test]
fn copies_of_training_images_are_good_by_every_metric_but_memorization() {
    let (data, folder) = (glyphs(1200), TestFolder::new());
    let mut evaluator = Evaluator::new(&data, options(&folder)).unwrap();
    let found = report(&mut evaluator, copies(&data, 0));
    let value = |key: &str| found.metric(key).unwrap().value;
    let floor = |key: &str| found.metric(key).unwrap().floor.unwrap();
    assert!(value("frechet_distance") < 4.0 * floor("frechet_distance"));
    assert!(value("precision") > 0.7 && value("recall") > 0.7);
    assert!(value("class_accuracy") > 0.8);
    assert_eq!(value("memorized_share_pixels"), 1.0);
    assert_eq!(value("memorized_share_features"), 1.0);
    // Every metric says what it stands on.
    for metric in &found.metrics {
        let on = &metric.provenance;
        assert_eq!((on.fake, on.floor, on.seed), (300, 300, 3));
        if let Some(extractor) = &on.extractor {
            assert!(extractor.sha256.len() == 64 && extractor.accuracy.unwrap() > 0.8);
        }
    }
    let wrong = report(&mut evaluator, copies(&data, 1));
    assert!(wrong.metric("class_accuracy").unwrap().value < 0.2);
}

#[test]
fn noise_is_bad_and_a_second_evaluator_reads_the_same_metrics_from_the_cache() {
    let (data, folder) = (glyphs(1200), TestFolder::new());
    let draw = |first: u64, count: usize, _: &[usize]| {
        let mut latents = vec![0.0; count * 784];
        for (seed, latent) in (first..).zip(latents.chunks_exact_mut(784)) {
            fill_normal(seed, None, latent);
        }
        let bytes = latents.iter().map(|v| PixelRange::SIGNED.to_u8(*v));
        bytes.collect()
    };
    let noise = || FunctionSource([1, 28, 28], 0, draw);
    let mut first = Evaluator::new(&data, options(&folder)).unwrap();
    let found = report(&mut first, noise());
    let far = found.metric("frechet_distance").unwrap();
    assert!(far.value > 20.0 * far.floor.unwrap(), "{far:?}");
    assert!(found.metric("coverage").unwrap().value < 0.1);
    assert!(found.metric("class_accuracy").is_none());
    let mut second = Evaluator::new(&data, options(&folder)).unwrap();
    assert_eq!(report(&mut second, noise()), found);
}

#[test]
fn data_without_labels_has_the_metrics_of_pixels() {
    let (labelled, folder) = (glyphs(1200), TestFolder::new());
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
    let found = report(&mut evaluator, copies(&labelled, 0));
    let keys: Vec<&str> = found.metrics.iter().map(|metric| metric.key).collect();
    let expected = [
        "sliced_wasserstein",
        "ms_ssim",
        "memorized_share_pixels",
        "memorized_ratio_pixels",
    ];
    assert_eq!(keys, expected);
    for metric in &found.metrics {
        assert!(metric.provenance.extractor.is_none() && metric.provenance.fake == 300);
    }
    assert_eq!(found.metric("memorized_share_pixels").unwrap().value, 1.0);
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
    let error = Evaluator::new(&data, few).err().unwrap();
    assert!(matches!(error, EvaluationError::TooFew { found: 20, .. }));
    let only = EvaluationOptions {
        metrics: vec![Metric::SlicedWasserstein],
        ..options(&folder)
    };
    let mut evaluator = Evaluator::new(&data, only).unwrap();
    let mut other = FunctionSource([3, 32, 32], 0, |_, _, _: &[usize]| Vec::new());
    let error = evaluator.evaluate("other", &mut other).err().unwrap();
    let error = error.to_string();
    assert!(error.contains("3 channels"), "{error}");
    assert!(error.contains("32x32"), "{error}");
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
    let mut source =
        FolderImages::open(&folder.0.join("images"), 28, 1, Colour::default()).unwrap();
    let expected = (Some(120), [1, 28, 28]);
    assert_eq!((source.available(), source.shape()), expected);
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

#[test]
fn real_stacked_images_have_all_modes_and_a_collapsed_generator_has_one() {
    let (digits, folder) = (glyphs(4000), TestFolder::new());
    let split = |split: &Split, of| Split::new(stack(split, 400, of), None, 3 * 784).unwrap();
    let data = Dataset {
        name: "stacked".to_owned(),
        channels: 3,
        height: 28,
        width: 28,
        train: split(&digits.train, Stack::Train),
        test: split(&digits.test, Stack::Test),
        digits: Some(std::sync::Arc::new(digits.clone())),
        ..Dataset::default()
    };
    let options = EvaluationOptions {
        samples: 5000,
        metrics: vec![Metric::Modes],
        ..options(&folder)
    };
    let mut evaluator = Evaluator::new(&data, options).unwrap();
    let of = |report: &MetricReport, key: &str| {
        let found = report.metric(key).unwrap();
        (found.value, found.floor.unwrap())
    };
    let one = [0, 1, 2]
        .map(|index| digits.test.image(index).unwrap())
        .concat();
    let collapsed = FunctionSource([3, 28, 28], 0, move |_, count, _: &[usize]| {
        one.repeat(count)
    });
    let found = report(&mut evaluator, collapsed);
    let (modes, real) = of(&found, "modes");
    assert_eq!(modes, 1.0);
    // Of 5000 draws of 1000 modes, 993 have one: 1000 (1 - exp(-5)).
    assert!(real > 960.0, "{real}");
    // ln(1000), but for the shares of the three digits: each class is 9 to 11 % of the glyphs.
    let (far, real) = of(&found, "modes_kl");
    assert!((far - 1000_f64.ln()).abs() < 0.4, "{far}");
    // 999 / (2 * 5000), and what the classifier takes for another digit.
    assert!((0.05..0.25).contains(&real), "{real}");
    let stamp = &found.metric("modes").unwrap().provenance;
    assert!(stamp.extractor.as_ref().unwrap().accuracy > Some(0.9));
    let train = digits.train.clone();
    let drawn = FunctionSource([3, 28, 28], 0, move |first, count, _: &[usize]| {
        let all = stack(
            &train,
            usize::try_from(first).unwrap() + count,
            Stack::Floor,
        );
        all[all.len() - count * 3 * 784..].to_vec()
    });
    let found = report(&mut evaluator, drawn);
    assert!(of(&found, "modes").0 > 960.0 && of(&found, "modes_kl").0 < 0.25);
}
