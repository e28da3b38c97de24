//! Errors as numbers, and what they mean.

use core::ffi::CStr;

use dreamlet_runtime::engine::compiled::format::FormatError;
use dreamlet_runtime::generator::GenerateError;

pub(crate) const OK: i32 = 0;
pub(crate) const POINTER: i32 = 1;
pub(crate) const OVERLAP: i32 = 2;
const NOT_A_MODEL: i32 = 3;
const VERSION: i32 = 4;
const DAMAGED: i32 = 5;
const UNALIGNED: i32 = 6;
const INVALID: i32 = 7;
pub(crate) const LATENT_LENGTH: i32 = 8;
const LATENT_NUMBER: i32 = 9;
pub(crate) const CLASS: i32 = 10;
const SCRATCH_LENGTH: i32 = 11;
const IMAGE_LENGTH: i32 = 12;
const ENGINE: i32 = 13;
const LEFT_OUT: i32 = 14;

pub(crate) fn code_of_format(error: FormatError) -> i32 {
    match error {
        FormatError::TooShort { .. } | FormatError::Magic => NOT_A_MODEL,
        FormatError::Version { .. } => VERSION,
        FormatError::Length { .. } | FormatError::Checksum { .. } => DAMAGED,
        FormatError::Unaligned => UNALIGNED,
        FormatError::LeftOut { .. } => LEFT_OUT,
        _ => INVALID,
    }
}

pub(crate) fn code_of(made: Result<(), GenerateError>) -> i32 {
    match made {
        Ok(()) => OK,
        Err(GenerateError::LatentLength { .. }) => LATENT_LENGTH,
        Err(GenerateError::NonFiniteLatent { .. }) => LATENT_NUMBER,
        Err(GenerateError::ClassMissing { .. } | GenerateError::ClassOutOfRange { .. }) => CLASS,
        Err(GenerateError::ScratchLength { .. }) => SCRATCH_LENGTH,
        Err(GenerateError::ImageLength { .. }) => IMAGE_LENGTH,
        Err(_) => ENGINE,
    }
}

pub(crate) const fn text(error: i32) -> &'static CStr {
    match error {
        OK => c"no error",
        POINTER => c"a pointer is NULL or not aligned to its type, or a buffer is longer than half of the address space",
        OVERLAP => c"two buffers share bytes: give each its own",
        NOT_A_MODEL => c"the bytes are no compiled model: make one with `dreamlet compile`",
        VERSION => c"the model is of a newer format: update the library, or compile the model with the matching dreamlet",
        DAMAGED => c"the model was cut off, padded or damaged on its way: copy it again",
        UNALIGNED => c"the model does not begin at a multiple of 4 bytes: align it, best to 64",
        INVALID => c"a field of the model has a value that cannot be: compile it again",
        LATENT_LENGTH => c"the latent vector has another length than dreamlet_latent_len()",
        LATENT_NUMBER => c"the latent vector holds a NaN or an infinity",
        CLASS => c"the class does not exist: 0 to dreamlet_classes() - 1, or DREAMLET_NO_CLASS where that is 0",
        SCRATCH_LENGTH => c"the scratch memory has fewer bytes than dreamlet_scratch_len()",
        IMAGE_LENGTH => c"the image has another length than dreamlet_image_len()",
        ENGINE => c"the engine failed, which a checked model does not lead to: please report it",
        LEFT_OUT => c"the model has f32 or strided layers, which this library was built without: build it with feature `f32` or `strided`, or compile the model with `--precision int8`",
        _ => c"this number is not an error of dreamlet",
    }
}
