//! The functions that `include/dreamlet.h` declares and describes.
//!
//! All of them take raw pointers from C. What can be checked of them is checked ([`slice`],
//! [`slice_mut`], [`apart`]); that they point to as many bytes as the caller says, nobody can.
#![no_std]

mod error;
mod memory;

use core::ffi::{CStr, c_char, c_void};
#[cfg(not(fuzzing))]
use core::panic::PanicInfo;

use dreamlet_runtime::{Engine, Model};

use error::{OK, POINTER, code_of, code_of_format, text};
use memory::{apart, slice, slice_mut};

/// `struct dreamlet_model`.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct Opaque([u64; 24]);

/// What lies in an [`Opaque`]. The file outlives it by the promise of the header.
type Opened = Engine<'static>;

const _: () = assert!(size_of::<Opened>() <= size_of::<Opaque>());
const _: () = assert!(align_of::<Opened>() <= align_of::<Opaque>());

/// The engine in an opened model.
///
/// # Safety
/// `model` is null or was opened with success.
unsafe fn opened(model: *const Opaque) -> Option<Opened> {
    if model.is_null() || !model.is_aligned() {
        return None;
    }
    // SAFETY: by the caller an engine was written there; it is plain data, so that copies of it
    // serve too.
    Some(unsafe { model.cast::<Opened>().read() })
}

/// # Safety
/// See `dreamlet.h`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn dreamlet_open(model: *mut Opaque, file: *const c_void, len: usize) -> i32 {
    if model.is_null() || !model.is_aligned() {
        return POINTER;
    }
    // SAFETY: by the caller `file` has `len` bytes, which stay as long as the model is in use.
    let Some(file) = (unsafe { slice::<u8>(file.cast(), len) }) else {
        return POINTER;
    };
    match Model::new(file) {
        Ok(checked) => {
            // SAFETY: there is room for it (see above), and by the caller `model` is his.
            unsafe { model.cast::<Opened>().write(Engine::new(checked)) };
            OK
        }
        Err(error) => code_of_format(error),
    }
}

/// Functions that tell one size of an opened model.
macro_rules! numbers {
    ($($name:ident: $of:expr;)*) => {$(
        /// # Safety
        /// See `dreamlet.h`.
        #[unsafe(no_mangle)]
        pub unsafe extern "C" fn $name(model: *const Opaque) -> usize {
            // SAFETY: by the caller the model was opened.
            unsafe { opened(model) }.map_or(0, $of)
        }
    )*};
}

numbers! {
    dreamlet_scratch_len: |engine| engine.rows_scratch_len();
    dreamlet_latent_len: |engine| engine.model().latent_len();
    dreamlet_image_len: |engine| engine.model().image_len();
    dreamlet_height: |engine| engine.model().shape().height;
    dreamlet_width: |engine| engine.model().shape().width;
    dreamlet_channels: |engine| engine.model().shape().channels;
    dreamlet_classes: |engine| engine.model().classes();
}

/// # Safety
/// See `dreamlet.h`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn dreamlet_latent(
    model: *const Opaque,
    seed: u64,
    truncation: f32,
    latent: *mut f32,
    len: usize,
) -> i32 {
    // SAFETY: by the caller the model was opened, and `latent` has `len` elements that nobody else
    // uses.
    let (engine, latent) = unsafe { (opened(model), slice_mut(latent, len)) };
    let (Some(engine), Some(latent)) = (engine, latent) else {
        return POINTER;
    };
    let model = engine.model();
    if latent.len() != model.latent_len() {
        return error::LATENT_LENGTH;
    }
    model.distribution().fill(seed, Some(truncation), latent);
    OK
}

/// # Safety
/// See `dreamlet.h`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn dreamlet_generate_u8(
    model: *const Opaque,
    latent: *const f32,
    latent_len: usize,
    class: i32,
    scratch: *mut c_void,
    scratch_len: usize,
    image: *mut u8,
    image_len: usize,
) -> i32 {
    let buffers = [
        (latent.addr(), latent_len.saturating_mul(4)),
        (scratch.addr(), scratch_len),
        (image.addr(), image_len),
    ];
    if !apart(&buffers) {
        return error::OVERLAP;
    }
    // SAFETY: by the caller the model was opened and the buffers have these lengths and are his;
    // they do not overlap.
    let (engine, latent, scratch, image) = unsafe {
        (
            opened(model),
            slice(latent, latent_len),
            slice_mut::<u8>(scratch.cast(), scratch_len),
            slice_mut(image, image_len),
        )
    };
    let (Some(engine), Some(latent), Some(scratch), Some(image)) = (engine, latent, scratch, image)
    else {
        return POINTER;
    };
    let Ok(class) = class_of(class) else {
        return error::CLASS;
    };
    code_of(engine.generate_u8(latent, class, scratch, image))
}

/// `dreamlet_row`.
pub type Row =
    unsafe extern "C" fn(context: *mut c_void, row: usize, pixels: *const u8, len: usize);

/// # Safety
/// See `dreamlet.h`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn dreamlet_generate_rows(
    model: *const Opaque,
    latent: *const f32,
    latent_len: usize,
    class: i32,
    scratch: *mut c_void,
    scratch_len: usize,
    row: Option<Row>,
    context: *mut c_void,
) -> i32 {
    let buffers = [
        (latent.addr(), latent_len.saturating_mul(4)),
        (scratch.addr(), scratch_len),
    ];
    if !apart(&buffers) {
        return error::OVERLAP;
    }
    // SAFETY: by the caller the model was opened and the buffers have these lengths and are his;
    // they do not overlap.
    let (engine, latent, scratch) = unsafe {
        (
            opened(model),
            slice(latent, latent_len),
            slice_mut::<u8>(scratch.cast(), scratch_len),
        )
    };
    let (Some(engine), Some(latent), Some(scratch), Some(row)) = (engine, latent, scratch, row)
    else {
        return POINTER;
    };
    let Ok(class) = class_of(class) else {
        return error::CLASS;
    };
    let made = engine.generate_rows(latent, class, scratch, |number, pixels| {
        // SAFETY: by the caller the function takes a row and his own context.
        unsafe { row(context, number, pixels.as_ptr(), pixels.len()) }
    });
    code_of(made)
}

/// -1 for none; `Err` for other negative numbers.
fn class_of(class: i32) -> Result<Option<usize>, ()> {
    match class {
        -1 => Ok(None),
        _ => usize::try_from(class).map(Some).map_err(|_| ()),
    }
}

/// What an error means: never null.
#[unsafe(no_mangle)]
pub extern "C" fn dreamlet_error_text(error: i32) -> *const c_char {
    let text: &'static CStr = text(error);
    text.as_ptr()
}

/// There is no way to it in a release build, which scripts/test-c.sh checks.
#[cfg(not(fuzzing))]
#[panic_handler]
fn panic(_: &PanicInfo<'_>) -> ! {
    loop {}
}
