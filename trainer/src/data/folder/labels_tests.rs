use super::super::scan::{Listing, scan};
use crate::atomic_file::TestFolder;
use crate::data::DataError;

/// Files without content, and a table.
fn folder(files: &[&str], table: &str, content: &str) -> TestFolder {
    let folder = TestFolder::new();
    for file in files {
        folder.write(&format!("data/{file}"), b"");
    }
    folder.write(&format!("data/{table}"), content.as_bytes());
    folder
}

fn listed(folder: &TestFolder) -> Result<Listing, DataError> {
    scan(&folder.0.join("data"))
}

/// Path and class of each file, sorted.
fn classes(listing: &Listing) -> Vec<String> {
    let class = |class: Option<u16>| match class {
        Some(class) => listing.classes[usize::from(class)].as_str(),
        None => "none",
    };
    let files = listing.files.iter();
    let mut all: Vec<String> = files
        .map(|f| format!("{} {}", f.entry.path, class(f.class)))
        .collect();
    all.sort();
    all
}

const FOUR: [&str; 4] = ["1.png", "2.png", "3.png", "4.png"];
const CATS_AND_DOGS: [&str; 4] = ["1.png cat", "2.png cat", "3.png dog", "4.png dog"];

#[test]
fn a_table_beside_the_images_gives_their_classes_whatever_its_form() {
    for (table, content) in [
        (
            "labels.csv",
            "file,label\n1.png,cat\n2.png,cat\n3.png,dog\n4.png,dog\n",
        ),
        ("Train.CSV", "id;breed\n1;cat\n2;cat\n3;dog\n4;dog"),
        (
            "metadata.csv",
            "label,file_name\ncat,1.png\ncat,./2.png\ndog,/x/3.png\ndog,x\\4.png",
        ),
        (
            "annotations.tsv",
            "1.png\tcat\n2.png\tcat\n3.png\tdog\n4.png\tdog",
        ),
        // One column besides comes back, and one does not.
        (
            "labels.csv",
            "n,f,what\n7,1.png,cat\n8,2.png,cat\n9,3.png,dog\n0,4.png,dog",
        ),
    ] {
        let listing = listed(&folder(&FOUR, table, content)).unwrap();
        assert_eq!(classes(&listing), CATS_AND_DOGS, "{table}");
        assert_eq!(listing.notes.len(), 1);
        assert!(
            listing.notes[0].contains("classes of 4 images"),
            "{:?}",
            listing.notes
        );
        assert!(listing.files.iter().any(|file| file.test));
    }
}

#[test]
fn a_table_for_each_half_names_files_from_its_own_folder() {
    let files = ["train/1.png", "train/2.png", "train/3.png", "test/1.png"];
    let folder = folder(
        &files,
        "train/metadata.csv",
        "file_name,label\n1.png,a\n2.png,b\n3.png,a",
    );
    folder.write("data/test/metadata.csv", b"file_name,label\n1.png,b");
    let listing = listed(&folder).unwrap();
    let expected = [
        "test/1.png b",
        "train/1.png a",
        "train/2.png b",
        "train/3.png a",
    ];
    assert_eq!(classes(&listing), expected);
    assert!(!listing.split_here);
}

#[test]
fn test_images_without_any_class_are_left_out_and_a_tenth_is_held_back() {
    let files = [
        "train/1.jpg",
        "train/2.jpg",
        "train/3.jpg",
        "test/1.jpg",
        "test/5.jpg",
        "test/6.jpg",
        "test/7.jpg",
    ];
    let folder = folder(&files, "labels.csv", "id,breed\n1,a\n2,b\n3,a\n");
    let listing = listed(&folder).unwrap();
    assert_eq!(
        classes(&listing),
        ["train/1.jpg a", "train/2.jpg b", "train/3.jpg a"]
    );
    assert!(listing.split_here && listing.files.iter().any(|file| file.test));
    assert!(
        listing.notes[1].contains("4 images are left out"),
        "{:?}",
        listing.notes
    );
}

#[test]
fn what_is_missing_on_either_side_is_counted_and_most_images_must_have_a_class() {
    let files = ["1.png", "2.png", "3.png", "4.png", "5.png"];
    let table = "file,label\n1.png,a\n2.png,b\n2.png,a\n9.png,b\n3.png,a\n4.png,\n";
    let listing = listed(&folder(&files, "labels.csv", table)).unwrap();
    assert_eq!(classes(&listing), ["1.png a", "2.png b", "3.png a"]);
    let notes = listing.notes.join("\n");
    for part in [
        "1 lines name no image here",
        "1 lines have no class",
        "1 lines give an image another class",
        "2 images are left out: they have no class",
    ] {
        assert!(notes.contains(part), "{notes}");
    }
    let error = listed(&folder(&files, "labels.csv", "f,label\n1.png,a\n2.png,b")).unwrap_err();
    let DataError::MostUnlabelled {
        labelled: 2,
        images: 5,
        ..
    } = error
    else {
        panic!("{error}")
    };
}

#[test]
fn sub_folders_that_are_as_many_classes_win_and_others_do_not() {
    let files = ["cat/1.png", "cat/2.png", "dog/3.png", "dog/4.png"];
    let same = "file,label\n1.png,0\n2.png,0\n3.png,1\n4.png,1";
    let listing = listed(&folder(&files, "labels.csv", same)).unwrap();
    assert_eq!(listing.classes, ["cat", "dog"]);
    assert!(listing.notes[1].contains("sub-folders are the classes"));
    let other = "file,label\n1.png,x\n2.png,y\n3.png,z\n4.png,x";
    let listing = listed(&folder(&files, "labels.csv", other)).unwrap();
    assert_eq!(listing.classes, ["x", "y", "z"]);
    assert!(listing.notes[1].contains("3 classes and there are 2 sub-folders"));
}

#[test]
fn a_table_that_says_nothing_clear_gives_no_classes_and_says_why() {
    let twice = "f,a,b\n1,x,u\n2,x,v\n3,y,u\n4,y,v";
    for (table, reason) in [
        ("a,b\nfoo,bar\n", "no column has names of images here"),
        (
            "f,text\n1,a cat\n2,two cats\n3,a dog\n4,no dog",
            "no column has classes",
        ),
        (twice, "several columns may be classes (\"a\", \"b\")"),
        ("", "no column has names"),
        ("\u{fffe}", "gives no classes"),
    ] {
        let listing = listed(&folder(&FOUR, "labels.csv", table)).unwrap();
        assert!(listing.classes.is_empty());
        assert!(listing.notes[0].contains(reason), "{:?}", listing.notes);
    }
    // Other tables are none of ours.
    assert!(
        listed(&folder(&FOUR, "prices.csv", twice))
            .unwrap()
            .notes
            .is_empty()
    );
}
