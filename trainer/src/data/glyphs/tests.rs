use super::*;
use crate::atomic_file;
use crate::data::{DataSpec, Dataset, LoadOptions};

fn load(limit: usize) -> Dataset {
    let options = LoadOptions {
        limit: Some(limit),
        ..LoadOptions::default()
    };
    crate::data::load(&DataSpec::Glyphs, &options).unwrap()
}

#[test]
fn the_first_thousand_are_the_same_for_everyone() {
    let data = load(1000);
    let test = data.test.pixels();
    assert_eq!(
        atomic_file::sha256(data.train.pixels()),
        "c4b6fb3208980ef2e0b9976a8a57c6975e8633c1ce01ef7318cf404629221f0c"
    );
    assert_eq!(
        atomic_file::sha256(&test[..784_000]),
        "0d91635f7eed373141338acfd5560f3a93e6296a7f4106f563dcf2be5b8202f0"
    );
}

#[test]
fn all_classes_are_equally_many_in_every_prefix_of_tens() {
    let data = load(1000);
    let labels = data.train.labels().unwrap();
    for block in labels.chunks(10) {
        let mut sorted = block.to_vec();
        sorted.sort_unstable();
        assert_eq!(sorted, (0..10).collect::<Vec<u16>>());
    }
    assert_ne!(labels[..10], labels[10..20]);
    assert_eq!(data.test.len(), TEST);
    assert_eq!(data.classes.len(), 10);
}

#[test]
fn neither_threads_nor_the_limit_change_an_image() {
    let on = |threads| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads);
        pool.build().unwrap()
    };
    let one = on(1).install(|| load(1000));
    let few = on(3).install(|| load(130));
    assert_eq!(&one.train.pixels()[..130 * 784], few.train.pixels());
    assert_eq!(one.test, few.test);
}

#[test]
fn rgb_is_the_grey_image_three_times_and_sizes_are_drawn() {
    let options = LoadOptions {
        channels: Some(3),
        size: Some(64),
        limit: Some(10),
        ..LoadOptions::default()
    };
    let rgb = crate::data::load(&DataSpec::Glyphs, &options).unwrap();
    assert_eq!((rgb.channels, rgb.height, rgb.width), (3, 64, 64));
    let image = rgb.train.image(3).unwrap();
    assert_eq!(image[..4096], image[4096..8192]);
    assert_eq!(image[..4096], image[8192..]);
}

#[test]
fn images_are_varied_centred_and_black_at_the_border() {
    let data = load(1000);
    let mut seen = std::collections::BTreeSet::new();
    let (mut sum_x, mut sum_y) = (0.0, 0.0);
    for index in 0..1000 {
        let image = data.train.image(index).unwrap();
        assert!(seen.insert(image.to_vec()), "image {index} is there twice");
        let (mut mass, mut x, mut y) = (0.0, 0.0, 0.0);
        for (place, value) in image.iter().enumerate() {
            let value = f64::from(*value);
            let (column, row) = (place % 28, place / 28);
            mass += value;
            x += value * column as f64;
            y += value * row as f64;
            if column == 0 || row == 0 || column == 27 || row == 27 {
                assert!(value < 128.0, "image {index} touches the border");
            }
        }
        // Between 3 % and 35 % of the image is ink.
        assert!((6_000.0..70_000.0).contains(&mass), "{index}: {mass}");
        let (x, y) = (x / mass - 13.5, y / mass - 13.5);
        assert!(x.abs() < 4.0 && y.abs() < 4.0, "{index}: {x} {y}");
        sum_x += x;
        sum_y += y;
    }
    assert!(f64::abs(sum_x) < 500.0 && f64::abs(sum_y) < 500.0);
}

#[test]
fn batches_are_of_the_training_images() {
    let data = load(1000);
    assert_eq!((data.channels, data.height, data.width), (1, 28, 28));
    let mut batches = crate::data::Batches::new(7, data.train.len(), 32).unwrap();
    assert_eq!(batches.next_batch().indices.len(), 32);
}
