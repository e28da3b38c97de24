//! The C interface, called as a C program may call it.
#![allow(unsafe_code, reason = "it calls the C interface")]

use std::ffi::c_void;

use dreamlet_c::{
    Opaque, dreamlet_error_text, dreamlet_generate_rows, dreamlet_generate_u8, dreamlet_image_len,
    dreamlet_latent, dreamlet_latent_len, dreamlet_open, dreamlet_scratch_len,
};

/// Opens a file and makes an image in both ways. What is accepted makes an image, and buffers that
/// are too short by the input's last byte are refused.
pub(crate) fn run(file: &[u8], most_bytes: usize) {
    let mut model = std::mem::MaybeUninit::<Opaque>::uninit();
    let model = model.as_mut_ptr();
    // SAFETY: the model has room, the file outlives it.
    let opened = unsafe { dreamlet_open(model, file.as_ptr().cast(), file.len()) };
    // SAFETY: a text of the library ends with 0.
    assert!(
        !dreamlet_error_text(opened).is_null(),
        "an error has a text"
    );
    if opened != 0 {
        return;
    }
    // SAFETY: the model was opened.
    let (latent_len, scratch_len, image_len) = unsafe {
        (
            dreamlet_latent_len(model),
            dreamlet_scratch_len(model),
            dreamlet_image_len(model),
        )
    };
    if scratch_len > most_bytes || image_len > most_bytes {
        return;
    }
    let mut latent = vec![0.0; latent_len];
    // SAFETY: the model was opened, the latent vector has as many elements.
    let filled = unsafe { dreamlet_latent(model, 1, 1.0, latent.as_mut_ptr(), latent.len()) };
    assert_eq!(filled, 0, "a latent vector is made");
    let less = usize::from(file.last().copied().unwrap_or(0) & 1);
    let mut scratch = vec![0_u8; scratch_len.saturating_sub(less)];
    let mut image = vec![0_u8; image_len];
    for class in [-1, 0] {
        // SAFETY: the model was opened, all lengths are those of the buffers.
        let (image_made, rows_made) = unsafe {
            (
                dreamlet_generate_u8(
                    model,
                    latent.as_ptr(),
                    latent.len(),
                    class,
                    scratch.as_mut_ptr().cast(),
                    scratch.len(),
                    image.as_mut_ptr(),
                    image.len(),
                ),
                dreamlet_generate_rows(
                    model,
                    latent.as_ptr(),
                    latent.len(),
                    class,
                    scratch.as_mut_ptr().cast(),
                    scratch.len(),
                    Some(row),
                    std::ptr::null_mut(),
                ),
            )
        };
        assert_eq!(image_made, rows_made, "both ways end the same");
    }
}

unsafe extern "C" fn row(_: *mut c_void, _: usize, pixels: *const u8, len: usize) {
    // SAFETY: the library gives a row of so many bytes.
    let pixels = unsafe { std::slice::from_raw_parts(pixels, len) };
    std::hint::black_box(
        pixels
            .iter()
            .fold(0, |sum: u8, byte| sum.wrapping_add(*byte)),
    );
}
