//! Weights that a file keeps in others beside it.

use std::collections::BTreeMap;
use std::path::Path;

use crate::error::{ModelError, shorten};
use crate::limits::Limits;
use crate::proto::{Message as _, ModelProto, TensorProto};

/// The same file with those weights inside.
///
/// Only plain files in the folder of the file itself are read: no path with folders, no link.
///
/// # Errors
/// [`ModelError::External`] names the tensor and what is wrong.
pub(crate) fn inline(
    model: &mut ModelProto,
    folder: &Path,
    limits: &Limits,
) -> Result<Vec<u8>, ModelError> {
    let mut files: BTreeMap<String, Vec<u8>> = BTreeMap::new();
    let mut room = limits.file_bytes;
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
        let field = |key: &str| {
            let mut found = tensor.external_data.iter().filter(|entry| entry.key == key);
            found.next().map(|entry| entry.value.as_str())
        };
        let location = field("location").unwrap_or_default().to_string();
        let number = |key: &str| match field(key) {
            None => Ok(None),
            Some(text) => {
                let parsed = text.parse::<usize>().map(Some);
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
        let end = length.map_or(Some(bytes.len()), |length| offset.checked_add(length));
        let part = end.and_then(|end| bytes.get(offset..end)).ok_or_else(|| {
            let has = bytes.len();
            error(format!(
                "{} has {has} bytes, it begins at {offset}",
                shorten(&location)
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
    std::fs::read(&path).map_err(unreadable)
}
