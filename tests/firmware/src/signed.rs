//! A model with a signature: it is verified, and a changed one is refused.

use dreamlet_runtime::Model;
use dreamlet_runtime::engine::compiled::{Aligned, FormatError, VerifyingKey};

/// The model with its signature, in flash.
static SIGNED: &Aligned<[u8]> = &Aligned(*include_bytes!(env!("FIRMWARE_SIGNED_FILE")));
/// The key that it must be signed by.
static KEY: &[u8] = include_bytes!(env!("FIRMWARE_KEY_FILE"));
const LEN: usize = include_bytes!(env!("FIRMWARE_SIGNED_FILE")).len();

/// Room for the model in memory, where a bit of it can be changed.
pub(crate) struct Copy(Aligned<[u8; LEN]>);

impl Copy {
    pub(crate) const ZERO: Self = Self(Aligned([0; LEN]));
}

/// The model, if its signature is right.
pub(crate) fn model() -> Option<Model<'static>> {
    let key = VerifyingKey::new(KEY).ok()?;
    Model::new_signed(&SIGNED.0, &key).ok()
}

/// Whether the model is refused wherever a bit of it is changed.
pub(crate) fn refuses_a_changed_one(copy: &mut Copy) -> Option<()> {
    let key = VerifyingKey::new(KEY).ok()?;
    for at in [0, LEN / 2, LEN - 73, LEN - 72, LEN - 9] {
        for (byte, from) in copy.0.0.iter_mut().zip(&SIGNED.0) {
            *byte = *from;
        }
        *copy.0.0.get_mut(at)? ^= 1;
        match Model::new_signed(&copy.0.0, &key) {
            Err(FormatError::Signature) => {}
            _ => return None,
        }
    }
    Some(())
}
