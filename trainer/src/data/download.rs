//! Fetching one file over HTTPS: resumed where it broke off, checked, and put in place whole.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::Path;
use std::thread;
use std::time::Duration;

use ureq::Agent;
use ureq::http::header;

use super::error::DataError;
use super::progress::{Progress, Unit};
use crate::atomic_file;

/// Times one mirror is asked again after a broken transfer.
const ATTEMPTS: u32 = 4;

/// Waiting before the second attempt; it doubles each time.
const FIRST_WAIT: Duration = Duration::from_millis(250);

/// Bytes a file may have: more than any that is wanted, less than what fills a disk.
const MAX_BYTES: u64 = 1 << 30;

/// A file to fetch.
pub(super) struct Request<'a> {
    pub(super) name: &'a str,
    /// Addresses of folders that have it, best first.
    pub(super) mirrors: &'a [&'a str],
    pub(super) path: &'a Path,
    /// Says whether a file is the one that is wanted.
    pub(super) verify: &'a dyn Fn(&Path) -> Result<(), DataError>,
    pub(super) progress: &'a dyn Progress,
}

enum Failure {
    /// Of no use to ask this mirror again.
    Mirror(String),
    /// The transfer broke; what has come is kept.
    Broken(String),
    /// This machine's fault: no mirror can help.
    Local(DataError),
}

/// Fetches the file into `path` + `.part`, checks it and renames it. A `.part` left by an earlier
/// call is continued where the server can do that, otherwise begun again.
pub(super) fn fetch(request: &Request<'_>) -> Result<(), DataError> {
    let agent: Agent = Agent::config_builder()
        .http_status_as_error(false)
        .user_agent(concat!("dreamlet/", env!("CARGO_PKG_VERSION")))
        .timeout_connect(Some(Duration::from_secs(15)))
        .timeout_recv_response(Some(Duration::from_secs(30)))
        .timeout_recv_body(Some(Duration::from_secs(600)))
        .build()
        .into();
    let mut tried = Vec::new();
    for mirror in request.mirrors {
        let url = format!("{}/{}", mirror.trim_end_matches('/'), request.name);
        match request.fetch_from(&agent, &url) {
            Ok(()) => return Ok(()),
            Err(Failure::Local(error)) => return Err(error),
            Err(Failure::Mirror(reason) | Failure::Broken(reason)) => tried.push((url, reason)),
        }
    }
    Err(DataError::Download {
        file: request.name.to_owned(),
        tried,
        folder: request.path.parent().unwrap_or(request.path).to_owned(),
    })
}

impl Request<'_> {
    fn fetch_from(&self, agent: &Agent, url: &str) -> Result<(), Failure> {
        let mut wait = FIRST_WAIT;
        for _ in 1..ATTEMPTS {
            match self.attempt(agent, url) {
                Err(Failure::Broken(_)) => thread::sleep(wait),
                result => return result,
            }
            wait *= 2;
        }
        self.attempt(agent, url)
    }

    fn attempt(&self, agent: &Agent, url: &str) -> Result<(), Failure> {
        let path = self.path.with_added_extension("part");
        let local = |cause| Failure::Local(unwritable(&path, cause));
        let mut part = OpenOptions::new()
            .create(true)
            .truncate(false)
            .read(true)
            .write(true)
            .open(&path)
            .map_err(local)?;
        // Two programs that want the same file take turns. Where locks do not exist, the checksum
        // still holds.
        let _ = part.lock();
        let have = part.metadata().map_err(local)?.len();
        let mut call = agent.get(url);
        if have > 0 {
            call = call.header(header::RANGE, format!("bytes={have}-"));
        }
        let mut response = call
            .call()
            .map_err(|error| Failure::Broken(error.to_string()))?;
        let start = match response.status().as_u16() {
            200 => 0,
            206 if range_start(response.headers()) == Some(have) => have,
            // 416: what is there is not the beginning of this file. The other: an answer to another
            // question.
            206 | 416 if have > 0 => {
                part.set_len(0).map_err(local)?;
                return Err(Failure::Broken("the transfer cannot be resumed".to_owned()));
            }
            status => {
                let reason = format!("the server answers with status {status}");
                return Err(match status {
                    429 | 500.. => Failure::Broken(reason),
                    _ => Failure::Mirror(reason),
                });
            }
        };
        part.set_len(start).map_err(local)?;
        part.seek(SeekFrom::Start(start)).map_err(local)?;
        let length = response.body().content_length();
        let total = length.map(|length| length.saturating_add(start));
        refuse_large(total.unwrap_or(0))?;
        let what = format!("downloading {}", self.name);
        self.progress.during(&what, total, Unit::Bytes, || {
            self.progress.advance(start);
            let body = &mut response.body_mut().as_reader();
            self.copy(body, &mut part, start, total, &path)
        })?;
        part.sync_all().map_err(local)?;
        match (self.verify)(&path) {
            Ok(()) => {}
            // What was put together from two transfers is tried once more from the beginning.
            Err(_) if start > 0 => {
                part.set_len(0).map_err(local)?;
                return Err(Failure::Broken("the resumed file is damaged".to_owned()));
            }
            Err(error) => {
                let _ = fs::remove_file(&path);
                return Err(Failure::Mirror(match error {
                    DataError::Checksum {
                        expected, found, ..
                    } => format!(
                        "the file is not the published one (SHA-256 {expected} expected, {found} found)"
                    ),
                    other => other.to_string(),
                }));
            }
        }
        atomic_file::rename_synced(&path, self.path).map_err(local)
    }

    /// Copies the body to the end of the part file.
    fn copy(
        &self,
        body: &mut impl Read,
        part: &mut File,
        start: u64,
        total: Option<u64>,
        path: &Path,
    ) -> Result<(), Failure> {
        let mut have = start;
        let mut buffer = vec![0; 1 << 16];
        let broken = |have: u64, why: &str| {
            let of = total.map_or(String::new(), |total| format!(" of {total}"));
            Failure::Broken(format!("the transfer broke after {have}{of} bytes{why}"))
        };
        loop {
            let read = match body.read(&mut buffer) {
                Ok(0) => break,
                Ok(read) => read,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(broken(have, &format!(" ({error})"))),
            };
            have = have.saturating_add(read as u64);
            refuse_large(have)?;
            part.write_all(&buffer[..read]).map_err(|cause| {
                let needed = total.unwrap_or(have);
                Failure::Local(match DataError::io("write", path, needed, cause) {
                    DataError::Io { cause, .. } => unwritable(path, cause),
                    other => other,
                })
            })?;
            self.progress.advance(read as u64);
        }
        match total {
            Some(total) if have != total => Err(broken(have, "")),
            _ => Ok(()),
        }
    }
}

fn refuse_large(bytes: u64) -> Result<(), Failure> {
    if bytes <= MAX_BYTES {
        return Ok(());
    }
    Err(Failure::Mirror(format!(
        "the file is larger than {MAX_BYTES} bytes"
    )))
}

fn unwritable(path: &Path, cause: io::Error) -> DataError {
    DataError::CacheUnwritable {
        folder: path.parent().unwrap_or(path).to_owned(),
        cause,
    }
}

/// Where the bytes of a partial answer begin: `Content-Range: bytes START-END/TOTAL` (RFC 9110,
/// 14.4).
fn range_start(headers: &header::HeaderMap) -> Option<u64> {
    let text = headers.get(header::CONTENT_RANGE)?.to_str().ok()?;
    let (start, _) = text.strip_prefix("bytes ")?.split_once('-')?;
    start.trim().parse().ok()
}

#[cfg(test)]
#[path = "download_tests.rs"]
pub(super) mod tests;
