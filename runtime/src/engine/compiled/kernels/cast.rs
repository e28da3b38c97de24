//! Bytes of a file or of scratch memory as elements.

mod sealed {
    pub(in super::super::super) trait Pod: Copy {}
    impl Pod for f32 {}
    impl Pod for i32 {}
    impl Pod for u32 {}
    impl Pod for i16 {}
    impl Pod for u16 {}
    impl Pod for i8 {}
    impl Pod for u8 {}
}

/// Elements for which every pattern of bits is a value.
pub(in super::super) trait Pod: sealed::Pod {}
impl<T: sealed::Pod> Pod for T {}

/// The first `len` elements of `bytes`; `None` if there are fewer, or if they do not lie at a
/// multiple of their size.
#[cfg(target_endian = "little")]
pub(in super::super) fn bytes_as<T: Pod>(bytes: &[u8], len: usize) -> Option<&[T]> {
    let bytes = bytes.get(..len.checked_mul(size_of::<T>())?)?;
    // SAFETY: T is one of the types above, for which every pattern of bits is a value.
    let (before, elements, after) = unsafe { bytes.align_to::<T>() };
    (before.is_empty() && after.is_empty()).then_some(elements)
}

/// The same to write to.
#[cfg(target_endian = "little")]
pub(in super::super) fn bytes_as_mut<T: Pod>(bytes: &mut [u8], len: usize) -> Option<&mut [T]> {
    let bytes = bytes.get_mut(..len.checked_mul(size_of::<T>())?)?;
    // SAFETY: as above, and every value of T is a pattern of bytes.
    let (before, elements, after) = unsafe { bytes.align_to_mut::<T>() };
    (before.is_empty() && after.is_empty()).then_some(elements)
}

/// Elements as bytes.
pub(in super::super) fn as_bytes(elements: &[f32]) -> &[u8] {
    // SAFETY: every byte of an f32 is initialized.
    unsafe { core::slice::from_raw_parts(elements.as_ptr().cast(), size_of_val(elements)) }
}

/// Elements as bytes to write to.
pub(in super::super) fn as_bytes_mut(elements: &mut [f32]) -> &mut [u8] {
    // SAFETY: as above, and every pattern of bits is an f32.
    unsafe { core::slice::from_raw_parts_mut(elements.as_mut_ptr().cast(), size_of_val(elements)) }
}
