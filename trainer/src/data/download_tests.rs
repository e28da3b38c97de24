use std::io::BufRead;
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, LazyLock, Mutex};

use super::super::progress::Silent;
use super::*;
use crate::atomic_file::TestFolder;

/// How the server behaves, one answer after the other; the last one is repeated.
#[derive(Clone, Copy, Debug)]
pub(in crate::data) enum Answer {
    /// The whole file, or the range asked for.
    Good,
    /// As `Good`, but the connection is closed after so many bytes of the body.
    CutAfter(usize),
    /// The whole file, whatever is asked for.
    IgnoreRange,
    /// Bytes of the right length with one wrong.
    Wrong,
    /// A status without a body.
    Status(u16),
    /// A part that begins elsewhere.
    OtherRange,
    /// A length beyond all bounds.
    Huge,
}

/// A server on this machine, of the file that a function makes of a path.
pub(in crate::data) struct Server {
    pub(in crate::data) url: String,
    ranges: Arc<Mutex<Vec<Option<usize>>>>,
}

impl Server {
    pub(in crate::data) fn start(answers: &'static [Answer], file: fn(&str) -> Vec<u8>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}/set/", listener.local_addr().unwrap());
        let ranges = Arc::new(Mutex::new(Vec::new()));
        let seen = Arc::clone(&ranges);
        let count = AtomicUsize::new(0);
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let call = count.fetch_add(1, Ordering::Relaxed);
                let answer = answers[call.min(answers.len() - 1)];
                seen.lock().unwrap().push(serve(stream, answer, file));
            }
        });
        Self { url, ranges }
    }

    fn ranges(&self) -> Vec<Option<usize>> {
        self.ranges.lock().unwrap().clone()
    }
}

/// Answers one call; returns where the range asked for begins.
fn serve(mut stream: TcpStream, answer: Answer, file: fn(&str) -> Vec<u8>) -> Option<usize> {
    let (mut range, mut body) = (None, Vec::new());
    for line in io::BufReader::new(&stream).lines().map_while(Result::ok) {
        if line.is_empty() {
            break;
        }
        if let Some(path) = line.strip_prefix("GET ") {
            body = file(path.split(' ').next().unwrap());
        }
        let line = line.to_ascii_lowercase();
        if let Some(from) = line.strip_prefix("range: bytes=") {
            range = from.trim_end_matches('-').parse().ok();
        }
    }
    let whole = body.len();
    let mut send = body.len();
    let mut start = range.unwrap_or(0).min(whole);
    let mut status = if range.is_some() { 206 } else { 200 };
    match answer {
        Answer::Good => {}
        Answer::CutAfter(bytes) => send = bytes,
        Answer::IgnoreRange => (start, status) = (0, 200),
        Answer::Wrong => body[0] ^= 1,
        Answer::Status(code) => (status, send) = (code, 0),
        Answer::OtherRange => start = start.saturating_sub(1),
        Answer::Huge => {
            let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 99999999999\r\n\r\n");
            return range;
        }
    }
    if range.is_some_and(|from| from >= whole) && status == 206 {
        (status, send) = (416, 0);
    }
    let body = &body[start..];
    let mut head = format!(
        "HTTP/1.1 {status} X\r\nConnection: close\r\nContent-Length: {}\r\n",
        if status < 300 { body.len() } else { 0 }
    );
    if status == 206 {
        let (last, total) = (whole - 1, whole);
        head += &format!("Content-Range: bytes {start}-{last}/{total}\r\n");
    }
    let _ = stream.write_all(format!("{head}\r\n").as_bytes());
    let _ = stream.write_all(&body[..send.min(body.len())]);
    range
}

static FILE: LazyLock<Vec<u8>> = LazyLock::new(|| (0..300_000).map(|i| (i % 251) as u8).collect());

fn server(answers: &'static [Answer]) -> Server {
    Server::start(answers, |_| FILE.to_vec())
}

fn verify(path: &Path) -> Result<(), DataError> {
    let found = fs::read(path).unwrap();
    if found == *FILE {
        return Ok(());
    }
    Err(DataError::Checksum {
        path: path.to_owned(),
        expected: "right".to_owned(),
        found: format!("{} bytes", found.len()),
    })
}

/// Fetches from servers with these `answers`, one server each, and gives the servers back.
fn get<const N: usize>(
    folder: &TestFolder,
    answers: [&'static [Answer]; N],
) -> (Result<(), DataError>, [Server; N]) {
    let servers = answers.map(server);
    let mirrors = servers.each_ref().map(|server| server.url.as_str());
    (get_from(folder, &mirrors), servers)
}

fn get_from(folder: &TestFolder, mirrors: &[&str]) -> Result<(), DataError> {
    fetch(&Request {
        name: "file.gz",
        mirrors,
        path: &folder.0.join("file.gz"),
        verify: &verify,
        progress: &Silent,
    })
}

/// The file is there and nothing else.
fn assert_complete(folder: &TestFolder) {
    assert_eq!(fs::read(folder.0.join("file.gz")).unwrap(), *FILE);
    assert_eq!(fs::read_dir(&folder.0).unwrap().count(), 1);
}

fn reasons(result: Result<(), DataError>) -> String {
    match result {
        Err(error @ DataError::Download { .. }) => error.to_string(),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_good_file_arrives_whole() {
    let folder = TestFolder::new();
    let (got, [server]) = get(&folder, [&[Answer::Good]]);
    got.unwrap();
    assert_complete(&folder);
    assert_eq!(server.ranges(), [None]);
}

#[test]
fn a_broken_transfer_goes_on_where_it_stopped() {
    let folder = TestFolder::new();
    let cut = &[
        Answer::CutAfter(100_000),
        Answer::CutAfter(50_000),
        Answer::Good,
    ];
    let (got, [server]) = get(&folder, [cut]);
    got.unwrap();
    assert_complete(&folder);
    assert_eq!(server.ranges(), [None, Some(100_000), Some(150_000)]);
}

#[test]
fn a_part_left_by_an_earlier_program_is_continued() {
    let folder = TestFolder::new();
    folder.write("file.gz.part", &FILE[..1234]);
    let (got, [server]) = get(&folder, [&[Answer::Good]]);
    got.unwrap();
    assert_complete(&folder);
    assert_eq!(server.ranges(), [Some(1234)]);
}

#[test]
fn a_server_that_ignores_ranges_starts_the_file_again() {
    let folder = TestFolder::new();
    folder.write("file.gz.part", &FILE[..200_000]);
    get(&folder, [&[Answer::IgnoreRange]]).0.unwrap();
    assert_complete(&folder);
}

#[test]
fn a_part_of_something_else_is_thrown_away() {
    for part in [vec![9; 5000], vec![9; FILE.len() + 7]] {
        let folder = TestFolder::new();
        folder.write("file.gz.part", &part);
        let (got, [server]) = get(&folder, [&[Answer::Good]]);
        got.unwrap();
        assert_complete(&folder);
        assert_eq!(server.ranges(), [Some(part.len()), None]);
    }
    let folder = TestFolder::new();
    folder.write("file.gz.part", &FILE[..10]);
    let answers = &[Answer::OtherRange, Answer::Good];
    get(&folder, [answers]).0.unwrap();
    assert_complete(&folder);
}

#[test]
fn a_whole_part_is_not_fetched_twice_in_vain() {
    let folder = TestFolder::new();
    folder.write("file.gz.part", &FILE);
    let (got, [server]) = get(&folder, [&[Answer::Good]]);
    got.unwrap();
    assert_complete(&folder);
    assert!(server.ranges().len() <= 2);
}

#[test]
fn a_wrong_file_is_refused_and_not_kept() {
    let folder = TestFolder::new();
    let (got, [server]) = get(&folder, [&[Answer::Wrong]]);
    let text = reasons(got);
    assert!(text.contains("SHA-256 right expected"), "{text}");
    assert!(text.contains("DREAMLET_DATA_DIR"), "{text}");
    assert_eq!(fs::read_dir(&folder.0).unwrap().count(), 0);
    assert_eq!(server.ranges().len(), 1);
}

#[test]
fn the_next_mirror_is_asked_when_one_has_nothing() {
    let folder = TestFolder::new();
    let (got, [none, good]) = get(&folder, [&[Answer::Status(404)], &[Answer::Good]]);
    got.unwrap();
    assert_complete(&folder);
    assert_eq!((none.ranges().len(), good.ranges().len()), (1, 1));
}

#[test]
fn statuses_and_silence_are_named_with_what_to_do() {
    let folder = TestFolder::new();
    let missing = server(&[Answer::Status(404)]);
    let busy = server(&[Answer::Status(503)]);
    let huge = server(&[Answer::Huge]);
    // A port that nobody listens on.
    let nobody = "http://127.0.0.1:1/";
    let mirrors = [&missing.url, &busy.url, &huge.url, nobody];
    let text = reasons(get_from(&folder, &mirrors));
    for expected in [
        "status 404",
        "status 503",
        "larger than",
        nobody,
        "put the four files into",
        &folder.0.display().to_string(),
        "DREAMLET_DATA_DIR",
    ] {
        assert!(text.contains(expected), "{expected}: {text}");
    }
    // A missing file is final; a busy server is asked again.
    assert_eq!(missing.ranges().len(), 1);
    assert_eq!(busy.ranges().len(), ATTEMPTS as usize);
}

#[test]
fn a_transfer_that_breaks_every_time_keeps_what_has_come() {
    let folder = TestFolder::new();
    let text = reasons(get(&folder, [&[Answer::CutAfter(1000)]]).0);
    assert!(text.contains("broke after 4000 of 300000 bytes"), "{text}");
    let part = fs::read(folder.0.join("file.gz.part")).unwrap();
    assert_eq!(part, FILE[..4000]);
}

#[test]
fn a_folder_that_cannot_be_written_is_the_error() {
    let folder = TestFolder::new();
    folder.write("file.gz.part/x", b"a folder in the way");
    let error = get(&folder, [&[Answer::Good]]).0.unwrap_err();
    assert!(matches!(error, DataError::CacheUnwritable { .. }));
    assert!(error.to_string().contains("DREAMLET_CACHE_DIR"));
}
