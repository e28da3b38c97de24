//! Weights that a file keeps in others beside it.

use std::collections::BTreeMap;
use std::fs::{File, Metadata};
use std::io::Read as _;
use std::path::Path;

use crate::error::{ModelError, shorten};
use crate::limits::Limits;
use crate::proto::{Message as _, ModelProto, StringStringEntryProto, TensorProto};

/// What ONNX knows of data in another file; `checksum` and `basepath` are not needed.
const KEYS: [&str; 5] = ["location", "offset", "length", "checksum", "basepath"];

/// The same file with those weights inside.
///
/// Only plain files in the folder of the file itself are read: no path with folders, no link of
/// either kind. All tensors together are no larger than a file may be, however often they name the
/// same bytes.
///
/// # Errors
/// [`ModelError::External`] names the tensor and what is wrong.
pub(crate) fn inline(
    model: &mut ModelProto,
    folder: &Path,
    limits: &Limits,
) -> Result<Vec<u8>, ModelError> {
    let mut files: BTreeMap<String, Vec<u8>> = BTreeMap::new();
    let (mut room, mut left) = (limits.file_bytes, limits.file_bytes);
    let graph = model.graph.iter_mut();
    let nodes = graph.flat_map(|graph| {
        let constants = graph.node.iter_mut().flat_map(|node| &mut node.attribute);
        graph
            .initializer
            .iter_mut()
            .chain(constants.filter_map(|given| given.t.as_mut()))
    });
    for tensor in nodes.filter(|tensor| is_external(tensor)) {
        let name = shorten(&tensor.name);
        let error = |problem: String| ModelError::External {
            tensor: name.clone(),
            problem,
        };
        keys(&tensor.external_data).map_err(error)?;
        let field = |key: &str| {
            let mut found = tensor.external_data.iter().filter(|entry| entry.key == key);
            found.next().map(|entry| entry.value.as_str())
        };
        let location = field("location").unwrap_or_default().to_string();
        let number = |key: &str| match field(key) {
            None => Ok(None),
            Some(text) => {
                // Of 64 bits everywhere: what is too far says so, whatever the machine.
                let parsed = text.parse::<u64>().map(Some);
                parsed.map_err(|_| error(format!("{key} is \"{}\"", shorten(text))))
            }
        };
        let (offset, length) = (number("offset")?.unwrap_or(0), number("length")?);
        if !files.contains_key(&location) {
            let bytes = read(folder, &location, room).map_err(error)?;
            room = room.saturating_sub(bytes.len());
            files.insert(location.clone(), bytes);
        }
        let bytes = files.get(&location).map_or(&[][..], Vec::as_slice);
        let place = |at: u64| usize::try_from(at).ok();
        let end = match length {
            Some(length) => offset.checked_add(length).and_then(place),
            None => Some(bytes.len()),
        };
        let part = end.zip(place(offset));
        let part = part.and_then(|(end, begin)| bytes.get(begin..end));
        let part = part.ok_or_else(|| {
            let has = bytes.len();
            error(format!(
                "{} has {has} bytes, it begins at {offset}",
                shorten(&location)
            ))
        })?;
        left = left.checked_sub(part.len()).ok_or_else(|| {
            error(format!(
                "it and the tensors before have more bytes than {}, the limit of the file's size: raise it with --max-file if the file is yours",
                limits.file_bytes
            ))
        })?;
        tensor.raw_data = part.to_vec();
        tensor.external_data.clear();
        tensor.data_location = None;
    }
    Ok(model.encode_to_vec())
}

pub(crate) fn is_external(tensor: &TensorProto) -> bool {
    tensor.data_location.is_some_and(|location| location != 0) || !tensor.external_data.is_empty()
}

/// Each key is one that ONNX knows, once: others have made loaders do what they were not meant to.
fn keys(entries: &[StringStringEntryProto]) -> Result<(), String> {
    for (i, entry) in entries.iter().enumerate() {
        let key = entry.key.as_str();
        if !KEYS.contains(&key) {
            return Err(format!("\"{}\" is no key of external data", shorten(key)));
        }
        if entries.iter().take(i).any(|before| before.key == key) {
            return Err(format!("{key} is given twice"));
        }
    }
    Ok(())
}

fn read(folder: &Path, location: &str, room: usize) -> Result<Vec<u8>, String> {
    let shown = shorten(location);
    let mut parts = Path::new(location).components();
    let plain = matches!(
        (parts.next(), parts.next()),
        (Some(std::path::Component::Normal(_)), None)
    );
    if !plain || location.contains(['/', '\\']) {
        return Err(format!(
            "\"{shown}\" is not the name of a file in the same folder"
        ));
    }
    let path = folder.join(location);
    let unreadable = |error: std::io::Error| format!("{} cannot be read: {error}", path.display());
    let found = path.symlink_metadata().map_err(unreadable)?;
    if !found.is_file() {
        return Err(format!("{} is not a plain file", path.display()));
    }
    if found.len() > room as u64 {
        return Err(format!(
            "{} has {} bytes, {room} are left of the limit of the file's size: raise it with --max-file if the file is yours",
            path.display(),
            found.len()
        ));
    }
    let file = File::open(&path).map_err(unreadable)?;
    let opened = file.metadata().map_err(unreadable)?;
    own(&found, &opened).map_err(|problem| format!("{} {problem}", path.display()))?;
    let mut bytes = Vec::new();
    let most = opened.len().min(room as u64);
    file.take(most)
        .read_to_end(&mut bytes)
        .map_err(unreadable)?;
    Ok(bytes)
}

/// Whether the file that was opened is the one that was looked at, and has no other name: a second
/// name may be that of a file elsewhere.
#[cfg(unix)]
fn own(found: &Metadata, opened: &Metadata) -> Result<(), &'static str> {
    use std::os::unix::fs::MetadataExt as _;
    if (found.dev(), found.ino()) != (opened.dev(), opened.ino()) {
        return Err("was exchanged while it was read");
    }
    if opened.nlink() > 1 {
        return Err("has another name too (a hard link): copy it if it is yours");
    }
    Ok(())
}

/// Other systems do not tell in a stable way.
#[cfg(not(unix))]
fn own(_: &Metadata, opened: &Metadata) -> Result<(), &'static str> {
    if opened.is_file() {
        Ok(())
    } else {
        Err("was exchanged while it was read")
    }
}
