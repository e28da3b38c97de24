use std::fs;
use std::path::PathBuf;

use image::{DynamicImage, GrayImage, ImageFormat, Luma, Rgb, RgbImage, Rgba, RgbaImage};

use super::*;
use crate::atomic_file::TestFolder;
use crate::colour::Colour;

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
fn an_archive_is_read_as_the_folder_in_it_and_kept_in_the_cache() {
    let folder = two_classes();
    let unpacked = load(&folder).unwrap();
    let mut builder = tar::Builder::new(Vec::new());
    builder.append_dir_all(".", data(&folder)).unwrap();
    let path = folder.write("data.tar", &builder.into_inner().unwrap());
    let load_packed = || super::load(&path, &options(&folder));
    let packed = load_packed().unwrap();
    assert_eq!(packed.fingerprint(), unpacked.fingerprint());
    // The bytes of the first file are changed, and neither length nor time: the cache is used.
    let time = path.metadata().unwrap().modified().unwrap();
    let mut bytes = fs::read(&path).unwrap();
    let at = bytes
        .windows(4)
        .position(|four| four == b"\x89PNG")
        .unwrap();
    bytes[at..at + 40].fill(0);
    fs::write(&path, &bytes).unwrap();
    let file = fs::File::options().write(true).open(&path).unwrap();
    file.set_modified(time).unwrap();
    assert!(load_packed().unwrap().broken.is_empty());
    file.set_modified(std::time::UNIX_EPOCH).unwrap();
    let read = load_packed().unwrap();
    assert_eq!(read.broken.len(), 1);
    assert!(read.broken[0].path.starts_with("cats"), "{:?}", read.broken);
}

#[test]
fn other_archives_and_other_files_are_refused_with_what_to_do() {
    let folder = TestFolder::new();
    for (bytes, part) in [
        (&b"\xfd7zXZ\0 and more"[..], "tar -xf"),
        (b"Rar!", "unrar x"),
        (b"7z\xbc\xaf\x27\x1c", "7z x"),
        (b"hello", "neither a folder nor a ZIP or TAR archive"),
        (b"PK\x03\x04 cut", "cannot be read as a ZIP archive"),
        (b"\x1f\x8b cut", "cannot be read as a gzipped TAR archive"),
    ] {
        let path = folder.write("data", bytes);
        let error = super::load(&path, &options(&folder))
            .unwrap_err()
            .to_string();
        assert!(error.contains(part), "{error}");
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
fn halves_have_many_names_in_any_letter_case_and_may_lie_in_a_folder_of_their_own() {
    for (prefix, names, tests) in [
        ("", ["training", "testing"].as_slice(), 1),
        ("", &["Train", "Test"], 1),
        ("", &["TRAIN", "Valid"], 1),
        ("", &["train", "val", "test"], 2),
        ("archive/inner/", &["train", "Validation"], 1),
    ] {
        let folder = TestFolder::new();
        for (half, name) in names.iter().enumerate() {
            for i in 0..3 {
                for (number, class) in ["a", "b"].into_iter().enumerate() {
                    let name = format!("data/{prefix}{name}/{class}/{i}.png");
                    // No two alike.
                    let (red, green) = (if half == 0 { 0 } else { 100 }, half * 10 + number);
                    flat(&folder, &name, [red, green as u8, i]);
                }
            }
        }
        let read = load(&folder).unwrap();
        assert_eq!(read.classes, ["a", "b"], "{names:?}");
        assert_eq!((read.train.len(), read.test.len()), (6, 6 * tests));
        let red = |split: &Split, index| split.image(index).unwrap()[0];
        assert!((0..6).all(|i| red(&read.train, i) == 0 && red(&read.test, i) == 100));
        assert!(read.notes.is_empty());
    }
    // One of the names alone is a class.
    let folder = TestFolder::new();
    for i in 0..3 {
        flat(&folder, &format!("data/train/{i}.png"), [0, 0, 0]);
        flat(&folder, &format!("data/ship/{i}.png"), [0, 0, 0]);
    }
    assert_eq!(load(&folder).unwrap().classes, ["ship", "train"]);
}

#[test]
fn a_folder_around_the_classes_is_no_class() {
    let folder = TestFolder::new();
    folder.write("data/read me.txt", b"");
    for i in 0..4 {
        flat(&folder, &format!("data/pets/cats/{i}.png"), [0, 0, 0]);
        flat(&folder, &format!("data/pets/dogs/{i}.png"), [0, 0, 0]);
    }
    assert_eq!(load(&folder).unwrap().classes, ["cats", "dogs"]);
}

#[test]
fn most_images_beside_a_sub_folder_are_not_dropped_for_it() {
    let folder = TestFolder::new();
    for i in 0..9 {
        flat(&folder, &format!("data/{i}.png"), [0, 0, 0]);
    }
    flat(&folder, "data/more/x.png", [0, 0, 0]);
    let read = load(&folder).unwrap();
    assert_eq!(read.train.len() + read.test.len(), 10);
    assert!(read.classes.is_empty() && read.train.labels().is_none());
    assert!(read.notes[0].contains("9 of 10"), "{:?}", read.notes);
}

#[test]
fn a_file_without_an_ending_is_known_by_its_content() {
    let folder = TestFolder::new();
    let image = RgbImage::from_pixel(16, 16, Rgb([200; 3]));
    let kinds = [
        ("png", ImageFormat::Png),
        ("jpeg", ImageFormat::Jpeg),
        ("bmp", ImageFormat::Bmp),
        ("gif", ImageFormat::Gif),
        ("webp", ImageFormat::WebP),
        ("a.jfif", ImageFormat::Jpeg),
        ("b.JPE", ImageFormat::Jpeg),
        ("c.gif", ImageFormat::Gif),
        ("d.webp", ImageFormat::WebP),
    ];
    for (name, format) in kinds {
        let path = folder.write(&format!("data/{name}"), b"");
        image.save_with_format(path, format).unwrap();
    }
    folder.write("data/LICENSE", b"BSD or what");
    folder.write("data/short", b"B");
    let read = load(&folder).unwrap();
    assert_eq!(read.train.len() + read.test.len(), kinds.len());
    assert!(read.broken.is_empty(), "{:?}", read.broken);
    for value in read.train.pixels().iter().chain(read.test.pixels()) {
        assert!(value.abs_diff(200) <= 1, "{value}");
    }
}

#[test]
fn a_jpeg_that_ends_early_is_broken_and_not_half_grey() {
    let folder = TestFolder::new();
    for i in 0..40 {
        flat(&folder, &format!("data/{i}.png"), [i, 0, 0]);
    }
    let noise = RgbImage::from_fn(64, 64, |x, y| Rgb([(x * 37 + y * 91) as u8; 3]));
    let path = folder.write("data/whole.jpg", b"");
    noise.save(&path).unwrap();
    let mut bytes = fs::read(&path).unwrap();
    // What follows the end does no harm; neither does the end of a preview help.
    let end = bytes.len();
    bytes.extend(b"appended");
    fs::write(&path, &bytes).unwrap();
    let preview = [0xff, 0xe1, 0, 6, 0xff, 0xd9, 0, 0];
    let cut = [&bytes[..2], &preview, &bytes[2..end / 2]].concat();
    folder.write("data/cut.jpg", &cut);
    let read = load(&folder).unwrap();
    let broken: Vec<_> = read.broken.iter().map(|file| &file.path).collect();
    assert_eq!(broken, [&PathBuf::from("cut.jpg")]);
    assert!(read.broken[0].reason.contains("ends in the middle"));
    assert_eq!(read.train.len() + read.test.len(), 41);
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
fn what_is_transparent_lies_over_the_colour_that_is_chosen() {
    let folder = TestFolder::new();
    for (name, alpha) in [("clear", 0), ("half", 51), ("solid", 255)] {
        let image = RgbaImage::from_pixel(16, 16, Rgba([200, 100, 0, alpha]));
        let path = folder.write(&format!("data/{name}.png"), b"");
        image.save(path).unwrap();
    }
    let colours = |background: &str| {
        let read = load_with(&folder, |o| o.background = background.parse().unwrap());
        let read = read.unwrap();
        let all = [read.train.pixels(), read.test.pixels()].concat();
        let first = |image: &[u8]| [0, 256, 512].map(|at| image[at]);
        let mut all: Vec<_> = all.chunks(3 * 256).map(first).collect();
        all.sort_unstable();
        all
    };
    // A fifth of 200, 100, 0 and four fifths of what is under it. The cache keeps them apart.
    let (white, blue) = (
        [[200, 100, 0], [244, 224, 204], [255, 255, 255]],
        [[0, 0, 255], [40, 20, 204], [200, 100, 0]],
    );
    for (background, expected) in [("white", white), ("#0000ff", blue), ("white", white)] {
        assert_eq!(colours(background), expected, "{background}");
    }
}

#[test]
fn copies_are_counted_and_told() {
    let folder = two_classes();
    assert_eq!(load(&folder).unwrap().notes, [""; 0]);
    for (copy, original) in [
        ("cats/copy.png", "cats/3.png"),
        ("dogs/other.png", "cats/4.png"),
    ] {
        let image = fs::read(data(&folder).join(original)).unwrap();
        folder.write(&format!("data/{copy}"), &image);
    }
    let notes = load(&folder).unwrap().notes.join("\n");
    assert!(notes.contains("2 of 42 images look the same"), "{notes}");
    assert!(notes.contains(".png as "), "{notes}");
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
        files.filter(|f| f.test).map(|f| f.entry.path).collect()
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
    let mut parts = folder::FolderImages::open(&data(&folder), 16, 3, Colour::default()).unwrap();
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
    let mut parts = folder::FolderImages::open(&data(&folder), 16, 3, Colour::default()).unwrap();
    let error = parts.next_images(usize::MAX).unwrap_err();
    assert!(matches!(error, DataError::TooManyBroken { total: 43, .. }));
    assert!(folder::FolderImages::open(&data(&folder), 17, 3, Colour::default()).is_err());
}

#[test]
fn images_of_kinds_that_are_not_read_are_told() {
    let folder = two_classes();
    folder.write("data/cats/page.TIF", b"");
    folder.write("data/cats/deep/other.avif", b"");
    folder.write("data/loose.avif", b"");
    folder.write("data/cats/list.txt", b"");
    let read = load(&folder).unwrap();
    assert_eq!(read.notes.len(), 1);
    let note = &read.notes[0];
    assert!(note.contains("(2 avif, 1 tif)"), "{note:?}");
}
