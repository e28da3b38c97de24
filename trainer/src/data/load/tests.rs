use std::fs;
use std::path::PathBuf;

use image::{DynamicImage, GrayImage, ImageFormat, Luma, Rgb, RgbImage, Rgba, RgbaImage};

use super::*;
use crate::atomic_file::TestFolder;

/// An image of one colour.
fn flat(folder: &TestFolder, name: &str, colour: [u8; 3]) {
    let image = RgbImage::from_pixel(20, 24, Rgb(colour));
    image.save(folder.write(name, b"")).unwrap();
}

fn options(folder: &TestFolder) -> LoadOptions<'static> {
    LoadOptions {
        size: Some(16),
        cache_dir: Some(folder.0.join("cache")),
        ..LoadOptions::default()
    }
}

fn data(folder: &TestFolder) -> PathBuf {
    folder.0.join("data")
}

fn load(folder: &TestFolder) -> Result<Dataset, DataError> {
    load_with(folder, |_| ())
}

fn load_with(
    folder: &TestFolder,
    change: impl Fn(&mut LoadOptions<'_>),
) -> Result<Dataset, DataError> {
    let mut options = options(folder);
    change(&mut options);
    super::load(&data(folder), &options)
}

/// Forty images in two classes, the red channel telling them apart.
fn two_classes() -> TestFolder {
    let folder = TestFolder::new();
    for i in 0..20 {
        flat(&folder, &format!("data/cats/{i}.png"), [i, 0, 0]);
        flat(&folder, &format!("data/dogs/{i}.bmp"), [100 + i, 0, 0]);
    }
    folder
}

#[test]
fn sub_folders_are_classes_and_a_tenth_or_so_is_for_the_test() {
    let folder = two_classes();
    let read = load(&folder).unwrap();
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
    let read = load(&folder).unwrap();
    assert_eq!(read.classes, ["a", "b"]);
    assert_eq!(read.train.labels(), Some(&[1, 1, 1][..]));
    assert_eq!(read.test.labels(), Some(&[0, 0, 0][..]));
    assert_eq!(read.notes.len(), 1);
}

#[test]
fn a_flat_folder_has_no_labels_and_every_kind_of_file_is_read() {
    let folder = TestFolder::new();
    let at = |name: &str| folder.write(&format!("data/{name}"), b"");
    let grey = GrayImage::from_pixel(30, 17, Luma([200]));
    grey.save(at("grey.png")).unwrap();
    flat(&folder, "data/colour.jpg", [200, 200, 200]);
    flat(&folder, "data/UPPER.BMP", [200, 200, 200]);
    // The content counts, not the ending.
    let jpeg = RgbImage::from_pixel(16, 16, Rgb([200; 3]));
    let saved = jpeg.save_with_format(at("jpeg.png"), ImageFormat::Jpeg);
    saved.unwrap();
    let alpha = RgbaImage::from_pixel(16, 16, Rgba([0, 0, 0, 55]));
    alpha.save(at("alpha.png")).unwrap();
    let deep = image::ImageBuffer::from_pixel(20, 20, Rgb([200 * 257; 3]));
    let deep = DynamicImage::ImageRgb16(deep);
    deep.save(at("deep.png")).unwrap();
    folder.write("data/.hidden.png", b"not looked at");
    folder.write("data/notes.txt", b"not looked at");
    let read = load_with(&folder, |options| options.channels = Some(1)).unwrap();
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
    for name in ["data/0.png", "data/1.png"] {
        pixels.save(folder.write(name, b"")).unwrap();
    }
    let read = load(&folder).unwrap();
    assert_eq!((read.train.len(), read.test.len()), (1, 1));
    let image = read.train.image(0).unwrap();
    assert!(image[..256].iter().all(|v| *v == 255));
    assert!(image[256..].iter().all(|v| *v == 0));
}

#[test]
fn the_second_start_decodes_nothing() {
    let folder = two_classes();
    let first = load(&folder).unwrap();
    // Same length and time of change, other content: only a decoder would notice.
    let victim = data(&folder).join("cats/0.png");
    let about = fs::metadata(&victim).unwrap();
    let garbage = vec![7; usize::try_from(about.len()).unwrap()];
    fs::write(&victim, garbage).unwrap();
    let file = fs::File::options().write(true).open(&victim).unwrap();
    file.set_modified(about.modified().unwrap()).unwrap();
    let second = load(&folder).unwrap();
    assert_eq!(first.fingerprint(), second.fingerprint());
    assert!(second.broken.is_empty());
    // Without the cache it is found out.
    assert_eq!(
        load_with(&folder, |options| options.no_cache = true)
            .unwrap()
            .broken
            .len(),
        1
    );
}

#[test]
fn any_change_of_the_folder_or_the_shape_makes_new_pixels() {
    let folder = two_classes();
    let caches = folder.0.join("cache/folders");
    let cached = || fs::read_dir(&caches).unwrap().count();
    let base = load(&folder).unwrap();
    flat(&folder, "data/cats/new.png", [77, 0, 0]);
    let more = load(&folder).unwrap();
    assert_eq!(more.train.len() + more.test.len(), 41);
    assert_eq!(cached(), 1, "the old pixels are replaced");
    assert_eq!(
        load_with(&folder, |options| options.channels = Some(1))
            .unwrap()
            .channels,
        1
    );
    assert_eq!(cached(), 2);
    fs::remove_file(data(&folder).join("cats/new.png")).unwrap();
    let back = load(&folder).unwrap();
    assert_eq!(base.fingerprint(), back.fingerprint());
}

#[test]
fn a_damaged_cache_is_noticed_and_made_again() {
    let folder = two_classes();
    let first = load(&folder).unwrap();
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
        let again = load(&folder).unwrap();
        assert_eq!(first.fingerprint(), again.fingerprint(), "case {index}");
        assert_eq!(again.notes.len(), 1, "case {index}");
        assert_eq!(fs::read(&path).unwrap(), good, "case {index}");
    }
}

#[test]
fn a_broken_file_is_named_counted_and_skipped() {
    let folder = two_classes();
    let broken = data(&folder).join("dogs/7.bmp");
    fs::write(&broken, b"BM, and then nothing").unwrap();
    for round in 0..2 {
        let read = load(&folder).unwrap();
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
    let folder = two_classes();
    for name in ["cats/1.png", "cats/2.png", "dogs/3.bmp"] {
        fs::write(data(&folder).join(name), b"").unwrap();
    }
    let error = load(&folder).unwrap_err();
    assert!(matches!(error, DataError::TooManyBroken { total: 40, .. }));
    let text = error.to_string();
    for part in ["3 of 40", "cats/1.png", "cats/2.png", "dogs/3.bmp"] {
        assert!(text.contains(part), "{text}");
    }
}

#[test]
fn a_small_file_that_claims_to_be_a_huge_image_is_broken() {
    let folder = two_classes();
    // A BMP header: 30,000 x 30,000 pixels of 24 bits, and no pixel.
    let mut bmp = b"BM\0\0\0\0\0\0\0\0\x36\0\0\0\x28\0\0\0".to_vec();
    bmp.extend(30_000u32.to_le_bytes());
    bmp.extend(30_000u32.to_le_bytes());
    bmp.extend([1, 0, 24, 0]);
    bmp.extend([0; 24]);
    folder.write("data/dogs/huge.bmp", &bmp);
    let read = load(&folder).unwrap();
    assert_eq!(read.broken.len(), 1);
    assert_eq!(read.broken[0].path, Path::new("dogs/huge.bmp"));
}

#[test]
fn folders_without_images_and_caches_in_the_way_are_errors() {
    let folder = two_classes();
    folder.write("empty/readme.txt", b"no images");
    let load_in = |name: &str| super::load(&folder.0.join(name), &options(&folder));
    assert!(matches!(load_in("empty"), Err(DataError::NoImages { .. })));
    assert!(matches!(
        load_in("none"),
        Err(DataError::FolderMissing { .. })
    ));
    folder.write("cache", b"a file where the cache folder should be");
    let error = load(&folder).unwrap_err();
    assert!(matches!(error, DataError::CacheUnwritable { .. }));
    let text = error.to_string();
    assert!(text.contains("--no-cache") && text.contains("DREAMLET_CACHE_DIR"));
    assert!(load_with(&folder, |options| options.no_cache = true).is_ok());
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
    let folder = two_classes();
    let few = LoadOptions {
        limit: Some(16),
        ..options(&folder)
    };
    let read = crate::data::load(&crate::data::DataSpec::Folder(data(&folder)), &few).unwrap();
    let labels = read.train.labels().unwrap().iter();
    let dogs = labels.filter(|label| **label == 1).count();
    assert_eq!(read.train.len(), 16);
    assert!((4..=12).contains(&dogs), "{dogs}");
    assert_eq!(read.name, "data");
}

#[test]
fn adding_files_does_not_move_others_between_the_halves() {
    let folder = two_classes();
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
    let folder = two_classes();
    folder.write("data/cats/broken.png", b"nothing");
    let read = load(&folder).unwrap();
    let all = [read.train.pixels(), read.test.pixels()].concat();
    let mut parts = folder::FolderImages::open(&data(&folder), 16, 3).unwrap();
    assert_eq!((parts.shape(), parts.len()), ([3, 16, 16], 41));
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
        assert_eq!(parts.len(), 40);
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
    let folder = two_classes();
    folder.write("data/cats/moving.GIF", b"");
    folder.write("data/cats/deep/other.webp", b"");
    folder.write("data/loose.webp", b"");
    folder.write("data/cats/list.txt", b"");
    let read = load(&folder).unwrap();
    assert_eq!(read.notes.len(), 1);
    let note = &read.notes[0];
    assert!(note.contains("(1 gif, 2 webp)"), "{note:?}");
}
