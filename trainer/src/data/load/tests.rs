use std::fs;

use image::{DynamicImage, GrayImage, ImageFormat, Luma, Rgb, RgbImage, Rgba, RgbaImage};

use super::*;
use crate::atomic_file::TestFolder;

/// An image of one colour.
fn flat(folder: &TestFolder, name: &str, colour: [u8; 3]) {
    let path = folder.write(name, b"");
    RgbImage::from_pixel(20, 24, Rgb(colour))
        .save(path)
        .unwrap();
}

fn options(folder: &TestFolder) -> LoadOptions<'static> {
    LoadOptions {
        size: Some(16),
        cache_dir: Some(folder.0.join("cache")),
        ..LoadOptions::default()
    }
}

fn data(folder: &TestFolder) -> std::path::PathBuf {
    folder.0.join("data")
}

/// Forty images in two classes, the red channel telling them apart.
fn two_classes(folder: &TestFolder) {
    for i in 0..20 {
        flat(folder, &format!("data/cats/{i}.png"), [i, 0, 0]);
        flat(folder, &format!("data/dogs/{i}.bmp"), [100 + i, 0, 0]);
    }
}

#[test]
fn sub_folders_are_classes_and_a_tenth_or_so_is_for_the_test() {
    let folder = TestFolder::new();
    two_classes(&folder);
    let read = load(&data(&folder), &options(&folder)).unwrap();
    assert_eq!(read.classes, ["cats", "dogs"]);
    assert_eq!((read.channels, read.height, read.width), (3, 16, 16));
    assert_eq!(read.train.len() + read.test.len(), 40);
    assert!((1..=10).contains(&read.test.len()));
    for split in [&read.train, &read.test] {
        for index in 0..split.len() {
            let image = split.image(index).unwrap();
            assert_eq!(split.label(index), Some(u16::from(image[0] >= 100)));
            assert!(image[256..].iter().all(|v| *v == 0));
        }
    }
}

#[test]
fn train_and_test_folders_are_the_halves() {
    let folder = TestFolder::new();
    for i in 0..3 {
        flat(&folder, &format!("data/train/b/{i}.png"), [i, 0, 0]);
        flat(&folder, &format!("data/test/a/{i}.png"), [50 + i, 0, 0]);
    }
    flat(&folder, "data/train/loose.png", [0, 0, 0]);
    let read = load(&data(&folder), &options(&folder)).unwrap();
    assert_eq!(read.classes, ["a", "b"]);
    assert_eq!(read.train.labels(), Some(&[1, 1, 1][..]));
    assert_eq!(read.test.labels(), Some(&[0, 0, 0][..]));
    assert_eq!(read.notes.len(), 1);
}

#[test]
fn a_flat_folder_has_no_labels_and_every_kind_of_file_is_read() {
    let folder = TestFolder::new();
    let at = |name: &str| folder.write(&format!("data/{name}"), b"");
    GrayImage::from_pixel(30, 17, Luma([200]))
        .save(at("grey.png"))
        .unwrap();
    flat(&folder, "data/colour.jpg", [200, 200, 200]);
    flat(&folder, "data/UPPER.BMP", [200, 200, 200]);
    // The content counts, not the ending.
    RgbImage::from_pixel(16, 16, Rgb([200; 3]))
        .save_with_format(at("jpeg.png"), ImageFormat::Jpeg)
        .unwrap();
    RgbaImage::from_pixel(16, 16, Rgba([0, 0, 0, 55]))
        .save(at("alpha.png"))
        .unwrap();
    DynamicImage::ImageRgb16(image::ImageBuffer::from_pixel(20, 20, Rgb([200 * 257; 3])))
        .save(at("deep.png"))
        .unwrap();
    folder.write("data/.hidden.png", b"not looked at");
    folder.write("data/notes.txt", b"not looked at");
    let read = load(
        &data(&folder),
        &LoadOptions {
            channels: Some(1),
            ..options(&folder)
        },
    )
    .unwrap();
    assert!(read.classes.is_empty() && read.broken.is_empty());
    assert_eq!(read.train.len() + read.test.len(), 6);
    for value in read.train.pixels().iter().chain(read.test.pixels()) {
        assert!(value.abs_diff(200) <= 1, "{value}");
    }
    assert_eq!(read.train.labels(), None);
}

#[test]
fn the_middle_of_a_large_image_is_kept() {
    let folder = TestFolder::new();
    // 300x200: red in the middle square, blue at both sides.
    let pixels = RgbImage::from_fn(300, 200, |x, _| {
        Rgb(if (50..250).contains(&x) {
            [255, 0, 0]
        } else {
            [0, 0, 255]
        })
    });
    for i in 0..2 {
        pixels
            .save(folder.write(&format!("data/{i}.png"), b""))
            .unwrap();
    }
    let read = load(&data(&folder), &options(&folder)).unwrap();
    assert_eq!((read.train.len(), read.test.len()), (1, 1));
    let image = read.train.image(0).unwrap();
    assert!(image[..256].iter().all(|v| *v == 255));
    assert!(image[256..].iter().all(|v| *v == 0));
}

#[test]
fn the_second_start_decodes_nothing() {
    let folder = TestFolder::new();
    two_classes(&folder);
    let first = load(&data(&folder), &options(&folder)).unwrap();
    // Same length and time of change, other content: only a decoder would notice.
    let victim = data(&folder).join("cats/0.png");
    let about = fs::metadata(&victim).unwrap();
    let garbage = vec![7; usize::try_from(about.len()).unwrap()];
    fs::write(&victim, garbage).unwrap();
    let file = fs::File::options().write(true).open(&victim).unwrap();
    file.set_modified(about.modified().unwrap()).unwrap();
    let second = load(&data(&folder), &options(&folder)).unwrap();
    assert_eq!(first.fingerprint(), second.fingerprint());
    assert!(second.broken.is_empty());
    // Without the cache it is found out.
    let fresh = LoadOptions {
        no_cache: true,
        ..options(&folder)
    };
    assert_eq!(load(&data(&folder), &fresh).unwrap().broken.len(), 1);
}

#[test]
fn any_change_of_the_folder_or_the_shape_makes_new_pixels() {
    let folder = TestFolder::new();
    two_classes(&folder);
    let cached = || {
        fs::read_dir(folder.0.join("cache/folders"))
            .unwrap()
            .count()
    };
    let base = load(&data(&folder), &options(&folder)).unwrap();
    flat(&folder, "data/cats/new.png", [77, 0, 0]);
    let more = load(&data(&folder), &options(&folder)).unwrap();
    assert_eq!(more.train.len() + more.test.len(), 41);
    assert_eq!(cached(), 1, "the old pixels are replaced");
    let grey = LoadOptions {
        channels: Some(1),
        ..options(&folder)
    };
    assert_eq!(load(&data(&folder), &grey).unwrap().channels, 1);
    assert_eq!(cached(), 2);
    fs::remove_file(data(&folder).join("cats/new.png")).unwrap();
    let back = load(&data(&folder), &options(&folder)).unwrap();
    assert_eq!(base.fingerprint(), back.fingerprint());
}

#[test]
fn a_damaged_cache_is_noticed_and_made_again() {
    let folder = TestFolder::new();
    two_classes(&folder);
    let first = load(&data(&folder), &options(&folder)).unwrap();
    let entry = fs::read_dir(folder.0.join("cache/folders")).unwrap().next();
    let path = entry.unwrap().unwrap().path();
    let good = fs::read(&path).unwrap();
    let mut cases: Vec<Vec<u8>> = [0, 9, 100, good.len() - 1]
        .map(|len| good[..len].to_vec())
        .to_vec();
    for place in [0, 41, 49, 60, good.len() - 1] {
        let mut bad = good.clone();
        bad[place] ^= 0x80;
        cases.push(bad);
    }
    cases.push([&good[..], b"x"].concat());
    for (index, bad) in cases.into_iter().enumerate() {
        fs::write(&path, bad).unwrap();
        let again = load(&data(&folder), &options(&folder)).unwrap();
        assert_eq!(first.fingerprint(), again.fingerprint(), "case {index}");
        assert_eq!(again.notes.len(), 1, "case {index}");
        assert_eq!(fs::read(&path).unwrap(), good, "case {index}");
    }
}

#[test]
fn a_broken_file_is_named_counted_and_skipped() {
    let folder = TestFolder::new();
    two_classes(&folder);
    let broken = data(&folder).join("dogs/7.bmp");
    fs::write(&broken, b"BM, and then nothing").unwrap();
    for round in 0..2 {
        let read = load(&data(&folder), &options(&folder)).unwrap();
        assert_eq!(read.train.len() + read.test.len(), 39, "round {round}");
        assert_eq!(read.broken.len(), 1);
        assert_eq!(read.broken[0].path, Path::new("dogs/7.bmp"));
        assert!(!read.broken[0].reason.is_empty());
        assert!(read.notes[0].contains("1 of 40"), "{:?}", read.notes);
        let reds = read.train.pixels().iter().chain(read.test.pixels());
        assert!(reds.copied().all(|v| v != 107));
    }
}

#[test]
fn more_than_one_in_twenty_broken_stops_with_the_list() {
    let folder = TestFolder::new();
    two_classes(&folder);
    for name in ["cats/1.png", "cats/2.png", "dogs/3.bmp"] {
        fs::write(data(&folder).join(name), b"").unwrap();
    }
    match load(&data(&folder), &options(&folder)) {
        Err(error @ DataError::TooManyBroken { total: 40, .. }) => {
            let text = error.to_string();
            for part in ["3 of 40", "cats/1.png", "cats/2.png", "dogs/3.bmp"] {
                assert!(text.contains(part), "{text}");
            }
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_small_file_that_claims_to_be_a_huge_image_is_broken() {
    let folder = TestFolder::new();
    two_classes(&folder);
    // A BMP header: 30,000 x 30,000 pixels of 24 bits, and no pixel.
    let mut bmp = b"BM\0\0\0\0\0\0\0\0\x36\0\0\0\x28\0\0\0".to_vec();
    bmp.extend(30_000u32.to_le_bytes());
    bmp.extend(30_000u32.to_le_bytes());
    bmp.extend([1, 0, 24, 0]);
    bmp.extend([0; 24]);
    folder.write("data/dogs/huge.bmp", &bmp);
    let read = load(&data(&folder), &options(&folder)).unwrap();
    assert_eq!(read.broken.len(), 1);
    assert_eq!(read.broken[0].path, Path::new("dogs/huge.bmp"));
}

#[test]
fn folders_without_images_and_caches_in_the_way_are_errors() {
    let folder = TestFolder::new();
    folder.write("data/readme.txt", b"no images");
    assert!(matches!(
        load(&data(&folder), &options(&folder)),
        Err(DataError::NoImages { .. })
    ));
    assert!(matches!(
        load(&folder.0.join("none"), &options(&folder)),
        Err(DataError::FolderMissing { .. })
    ));
    two_classes(&folder);
    folder.write("cache", b"a file where the cache folder should be");
    match load(&data(&folder), &options(&folder)) {
        Err(error @ DataError::CacheUnwritable { .. }) => {
            let text = error.to_string();
            assert!(text.contains("--no-cache") && text.contains("DREAMLET_CACHE_DIR"));
        }
        other => panic!("{other:?}"),
    }
    let without = LoadOptions {
        no_cache: true,
        ..options(&folder)
    };
    assert!(load(&data(&folder), &without).is_ok());
}

#[test]
fn a_disk_too_full_for_the_cache_is_a_note_and_other_errors_stay_errors() {
    let full = || DataError::NoSpace {
        path: "pixels".into(),
        needed: 12,
    };
    let mut notes = Vec::new();
    assert_eq!(if_there_is_space(Ok(1), &mut notes).unwrap(), Some(1));
    assert!(notes.is_empty());
    let none = if_there_is_space::<()>(Err(full()), &mut notes).unwrap();
    assert!(none.is_none());
    assert!(notes[0].contains("12 bytes"), "{notes:?}");
    let other = if_there_is_space::<()>(Err(DataError::NoCacheFolder), &mut notes);
    assert!(matches!(other, Err(DataError::NoCacheFolder)));
}

#[test]
fn the_first_files_are_a_fair_sample_of_the_classes() {
    let folder = TestFolder::new();
    two_classes(&folder);
    let few = LoadOptions {
        limit: Some(16),
        ..options(&folder)
    };
    let read = crate::data::load(&crate::data::DataSpec::Folder(data(&folder)), &few).unwrap();
    let dogs = read
        .train
        .labels()
        .unwrap()
        .iter()
        .filter(|l| **l == 1)
        .count();
    assert_eq!(read.train.len(), 16);
    assert!((4..=12).contains(&dogs), "{dogs}");
    assert_eq!(read.name, "data");
}

#[test]
fn adding_files_does_not_move_others_between_the_halves() {
    let folder = TestFolder::new();
    two_classes(&folder);
    let held = |listing: Listing| -> Vec<String> {
        let files = listing.files.into_iter();
        files.filter(|f| f.test).map(|f| f.relative).collect()
    };
    let before = held(folder::scan(&data(&folder)).unwrap());
    for i in 0..50 {
        folder.write(&format!("data/cats/more{i}.png"), b"");
    }
    let after = held(folder::scan(&data(&folder)).unwrap());
    assert!(!before.is_empty() && before.iter().all(|file| after.contains(file)));
    assert!(after.len() > before.len());
}

#[test]
fn images_in_parts_are_those_of_the_data_set_without_the_broken_ones() {
    let folder = TestFolder::new();
    two_classes(&folder);
    folder.write("data/cats/broken.png", b"nothing");
    let read = load(&data(&folder), &options(&folder)).unwrap();
    let all = [read.train.pixels(), read.test.pixels()].concat();
    let mut parts = folder::FolderImages::open(&data(&folder), 16, 3).unwrap();
    assert_eq!((parts.shape(), parts.images()), ([3, 16, 16], 41));
    for _ in 0..2 {
        let mut found = Vec::new();
        loop {
            let more = parts.next_images(7).unwrap();
            found.extend_from_slice(&more);
            assert_eq!(parts.given(), found.len() / 768);
            if more.len() < 7 * 768 {
                break;
            }
        }
        assert_eq!(found, all);
        assert_eq!(parts.images(), 40);
        assert!(parts.notes()[0].contains("1 of 41 files"));
        parts.rewind();
    }
    for i in 0..2 {
        folder.write(&format!("data/dogs/broken{i}.png"), b"nothing");
    }
    let mut parts = folder::FolderImages::open(&data(&folder), 16, 3).unwrap();
    let error = parts.next_images(usize::MAX).unwrap_err();
    assert!(matches!(error, DataError::TooManyBroken { total: 43, .. }));
    assert!(folder::FolderImages::open(&data(&folder), 17, 3).is_err());
}

#[test]
fn images_of_kinds_that_are_not_read_are_told() {
    let folder = TestFolder::new();
    two_classes(&folder);
    folder.write("data/cats/moving.GIF", b"");
    folder.write("data/cats/deep/other.webp", b"");
    folder.write("data/loose.webp", b"");
    folder.write("data/cats/list.txt", b"");
    let read = load(&data(&folder), &options(&folder)).unwrap();
    assert_eq!(read.notes.len(), 1);
    assert!(
        read.notes[0].contains("(1 gif, 2 webp)"),
        "{:?}",
        read.notes
    );
}
