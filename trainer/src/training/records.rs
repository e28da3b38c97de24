//! Nets and optimizers as the bytes of a checkpoint's files.

use burn::module::Module;
use burn::optim::ModuleOptimizer;
use burn::store::ModuleRecord;
use burn::tensor::Bytes;
use burn_pack::{Reader, Writer};

/// Names and bytes of everything that a checkpoint must hold.
pub(super) type Parts = Vec<(&'static str, Vec<u8>)>;

pub(super) fn module_bytes<M: Module>(module: &M) -> Result<Vec<u8>, String> {
    // Batch normalization keeps its last update apart until the next forward pass, and a record
    // leaves it out; `valid` takes it in.
    let _ = module.valid();
    module
        .clone()
        .into_record()
        .into_bytes()
        .map(|b| b.to_vec())
        .map_err(|e| e.to_string())
}

pub(crate) fn load_module<M: Module>(module: M, bytes: Vec<u8>) -> Result<M, String> {
    let record =
        ModuleRecord::from_bytes(Bytes::from_bytes_vec(bytes)).map_err(|e| e.to_string())?;
    module.try_load_record(record).map_err(|e| e.to_string())
}

/// burn's record, its tensors in the order of their names: burn writes them in that of a hash
/// table, which is another one each time.
pub(super) fn optimizer_bytes(optimizer: &ModuleOptimizer) -> Result<Vec<u8>, String> {
    let bytes = optimizer.into_bytes().map_err(|e| e.to_string())?;
    let sorted = || {
        let record = Reader::from_bytes(bytes)?;
        let (scalars, metadata) = (record.scalars().clone(), record.metadata().clone());
        let mut tensors = record.into_tensors()?;
        tensors.sort_by(|a, b| a.name.cmp(&b.name));
        let mut writer = Writer::new(tensors);
        for (key, value) in scalars {
            writer = writer.with_scalar(&key, value);
        }
        for (key, value) in metadata {
            writer = writer.with_metadata(&key, &value);
        }
        writer.into_bytes()
    };
    sorted()
        .map(|bytes| bytes.to_vec())
        .map_err(|e: burn_pack::Error| e.to_string())
}
