//! ZIP archives (PKWARE's APPNOTE 6.3.10): stored and deflated files, ZIP64.

use std::fs::File;
use std::io::{self, BufReader, Read, Seek, SeekFrom};
use std::path::Path;

use flate2::Crc;
use flate2::read::DeflateDecoder;

use super::super::error::DataError;
use super::entry::{Entry, Member, Place, kind_of, name_in_archive, path_in_archive};

/// Signatures of the four structures that are read.
const LOCAL: u32 = 0x0403_4b50;
const CENTRAL: u32 = 0x0201_4b50;
const END: u32 = 0x0605_4b50;
const LOCATOR_64: u32 = 0x0706_4b50;
const END_64: u32 = 0x0606_4b50;

/// Bytes of the end record without the comment, and of the locator of ZIP64 before it.
const END_LEN: usize = 22;
const LOCATOR_LEN: usize = 20;

/// What a field has when its value is in the extra field of ZIP64.
const ELSEWHERE: u64 = 0xffff_ffff;

/// The bit of an encrypted file's flags.
const ENCRYPTED: u16 = 1;

const STORED: u16 = 0;
const DEFLATED: u16 = 8;

/// Takes little-endian numbers from the front of bytes.
struct Fields<'a>(&'a [u8]);

impl Fields<'_> {
    fn number(&mut self, bytes: usize) -> Option<u64> {
        let taken = self.0.split_off(..bytes)?;
        let digits = taken.iter().rev();
        Some(digits.fold(0, |number, byte| number << 8 | u64::from(*byte)))
    }

    fn u16(&mut self) -> Option<u16> {
        self.number(2)?.try_into().ok()
    }

    fn u32(&mut self) -> Option<u32> {
        self.number(4)?.try_into().ok()
    }

    fn skip(&mut self, bytes: usize) -> Option<()> {
        self.0.split_off(..bytes).map(|_| ())
    }
}

/// The files of the archive that count, in its order.
pub(super) fn entries(path: &Path) -> Result<Vec<Entry>, DataError> {
    let failed = |cause: io::Error| match cause.kind() {
        io::ErrorKind::InvalidData | io::ErrorKind::UnexpectedEof => DataError::Archive {
            path: path.to_owned(),
            kind: "ZIP",
            cause,
        },
        _ => DataError::io("read", path, 0, cause),
    };
    let mut file = File::open(path).map_err(failed)?;
    let (mut count, start) = directory(&mut file).map_err(failed)?;
    file.seek(SeekFrom::Start(start)).map_err(failed)?;
    let mut file = BufReader::new(file);
    let mut found = Vec::new();
    while count > 0 {
        count -= 1;
        let (name, len, member) = next_entry(&mut file).map_err(failed)?;
        let (Some(member), Some(inside)) = (member, path_in_archive(&name)) else {
            continue;
        };
        let beginning = || {
            let mut begin = [0; _];
            open(path, &member).ok()?.read_exact(&mut begin).ok()?;
            Some(begin)
        };
        if let Some(kind) = kind_of(&inside, beginning) {
            found.push(Entry {
                path: inside,
                kind,
                len,
                changed: u128::from(member.crc),
                place: Place::Zip(member),
            });
        }
    }
    Ok(found)
}

fn damaged(reason: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, reason)
}

/// Number of files and where their list begins.
fn directory(file: &mut File) -> io::Result<(u64, u64)> {
    let len = file.seek(SeekFrom::End(0))?;
    // The end record, after which comes a comment of 65,535 bytes at most.
    let most = (LOCATOR_LEN + END_LEN + usize::from(u16::MAX)) as u64;
    let start = len.saturating_sub(most);
    file.seek(SeekFrom::Start(start))?;
    let mut tail = Vec::new();
    file.take(most).read_to_end(&mut tail)?;
    let magic = END.to_le_bytes();
    let ends = (0..tail.len().saturating_sub(END_LEN - 1)).rev();
    let whole = |at: &usize| {
        let comment = tail.len() - at - END_LEN;
        let end = tail.get(*at..).unwrap_or_default();
        let told = end.get(END_LEN - 2..END_LEN).unwrap_or_default();
        end.starts_with(&magic) && Fields(told).number(2) == Some(comment as u64)
    };
    let end = ends.into_iter().find(whole);
    let end = end.ok_or_else(|| damaged("its end is missing"))?;
    let (before, record) = tail.split_at(end);
    let parsed = || {
        let mut fields = Fields(record);
        fields.skip(4)?;
        let disks = fields.number(4)?;
        fields.skip(2)?;
        let count = fields.number(2)?;
        fields.skip(4)?;
        Some((disks, count, fields.number(4)?))
    };
    let (disks, count, offset) = parsed().ok_or_else(|| damaged("its end is missing"))?;
    let locator = before.len().checked_sub(LOCATOR_LEN);
    let mut locator = Fields(locator.and_then(|at| before.get(at..)).unwrap_or_default());
    if locator.u32() == Some(LOCATOR_64) {
        locator.skip(4);
        let at = locator.number(8).unwrap_or(u64::MAX);
        let mut record = [0; 56];
        file.seek(SeekFrom::Start(at.min(len)))?;
        file.read_exact(&mut record)?;
        let mut fields = Fields(&record);
        let parsed = || {
            let magic = fields.u32()?;
            fields.skip(28)?;
            let count = fields.number(8)?;
            fields.skip(8)?;
            Some((magic, count, fields.number(8)?))
        };
        return match { parsed }() {
            Some((END_64, count, offset)) if offset <= len => Ok((count, offset)),
            _ => Err(damaged("its list of files is missing")),
        };
    }
    if disks != 0 {
        return Err(damaged("it is one part of several"));
    }
    Ok((count, offset))
}

/// Name, length and place of the next file in the list; no place of folders and links.
fn next_entry(file: &mut impl Read) -> io::Result<(String, u64, Option<Member>)> {
    let missing = || damaged("its list of files breaks off");
    let mut head = [0; 46];
    file.read_exact(&mut head)?;
    let mut fields = Fields(&head);
    let mut parsed = || {
        if fields.u32()? != CENTRAL {
            return None;
        }
        fields.skip(4)?;
        let (flags, method) = (fields.u16()?, fields.u16()?);
        fields.skip(4)?;
        let crc = fields.u32()?;
        let sizes = [fields.number(4)?, fields.number(4)?];
        let lengths = [fields.number(2)?, fields.number(2)?, fields.number(2)?];
        fields.skip(4)?;
        let attributes = fields.u32()?;
        let offset = fields.number(4)?;
        Some((flags, method, crc, sizes, lengths, attributes, offset))
    };
    let (flags, method, crc, sizes, lengths, attributes, mut offset) =
        parsed().ok_or_else(missing)?;
    let mut part = |len: u64| {
        let mut bytes = Vec::new();
        file.take(len).read_to_end(&mut bytes)?;
        Ok::<_, io::Error>(bytes)
    };
    let [name, extra, comment] = lengths;
    let (name, extra, _) = (part(name)?, part(extra)?, part(comment)?);
    let [mut packed, mut len] = sizes;
    let mut rest = Fields(&extra);
    while let (Some(id), Some(size)) = (rest.u16(), rest.u16()) {
        let Some(field) = rest.0.split_off(..usize::from(size)) else {
            break;
        };
        let mut field = Fields(field);
        // ZIP64: those that do not fit, in this order.
        for value in [&mut len, &mut packed, &mut offset] {
            if id == 1 && *value == ELSEWHERE {
                *value = field.number(8).ok_or_else(missing)?;
            }
        }
    }
    // The upper half is a Unix mode; links are files with a name as content.
    let is_link = attributes >> 28 == 0o12;
    let name = name_in_archive(&name);
    let is_folder = name.ends_with(['/', '\\']);
    let member = Member {
        offset,
        packed,
        method,
        encrypted: flags & ENCRYPTED != 0,
        crc,
    };
    Ok((name, len, (!is_link && !is_folder).then_some(member)))
}

/// The unpacked bytes of a file, without an end that is checked.
fn open(path: &Path, member: &Member) -> Result<Box<dyn Read>, String> {
    if member.encrypted {
        return Err(
            "it is encrypted: unpack the archive with its password, and name the folder".to_owned(),
        );
    }
    let other = match member.method {
        STORED | DEFLATED => None,
        9 => Some("Deflate64"),
        12 => Some("bzip2"),
        14 => Some("LZMA"),
        93 => Some("Zstandard"),
        95 => Some("xz"),
        _ => Some("an unknown method"),
    };
    if let Some(name) = other {
        return Err(format!(
            "it is compressed with {name} (method {}), and only stored and deflated files are read: unpack the archive, and name the folder",
            member.method
        ));
    }
    let packed = (|| {
        let mut file = File::open(path)?;
        file.seek(SeekFrom::Start(member.offset))?;
        let mut head = [0; 30];
        file.read_exact(&mut head)?;
        let mut fields = Fields(&head);
        let magic = fields.u32();
        fields.skip(22);
        let lengths = [fields.number(2), fields.number(2)];
        let [Some(name), Some(extra)] = lengths else {
            return Err(damaged("its place in the archive is damaged"));
        };
        if magic != Some(LOCAL) {
            return Err(damaged("its place in the archive is damaged"));
        }
        let skip = i64::try_from(name + extra).unwrap_or(0);
        file.seek(SeekFrom::Current(skip))?;
        Ok(BufReader::new(file).take(member.packed))
    })();
    let packed = packed.map_err(|error: io::Error| error.to_string())?;
    Ok(match member.method {
        STORED => Box::new(packed),
        _ => Box::new(DeflateDecoder::new(packed)),
    })
}

/// The bytes of a file that says it has `len`; no more than these are unpacked.
pub(super) fn read(path: &Path, member: &Member, len: u64) -> Result<Vec<u8>, String> {
    let mut bytes = Vec::new();
    let content = open(path, member)?;
    let mut content = content.take(len.saturating_add(1));
    let read = content.read_to_end(&mut bytes);
    read.map_err(|error| format!("it cannot be unpacked: {error}"))?;
    if bytes.len() as u64 != len {
        let found = bytes.len() as u64;
        let is = if found > len { "longer" } else { "shorter" };
        return Err(format!(
            "it is {is} than the {len} bytes that the archive names"
        ));
    }
    let mut crc = Crc::new();
    crc.update(&bytes);
    if crc.sum() != member.crc {
        return Err(format!(
            "its checksum is {:08x}, and {:08x} in the archive",
            crc.sum(),
            member.crc
        ));
    }
    Ok(bytes)
}

#[cfg(test)]
#[path = "zip_tests.rs"]
mod tests;
