//! Buffers from C.

/// `len` elements at `at`; `None` if there can be none.
///
/// # Safety
/// If `at` is not null, there are `len` elements, which do not change while the slice is in use.
pub(crate) unsafe fn slice<'a, T>(at: *const T, len: usize) -> Option<&'a [T]> {
    // SAFETY: by the caller, and what a slice asks for besides is checked.
    fits(at, len).then(|| unsafe { core::slice::from_raw_parts(at, len) })
}

/// The same to write to.
///
/// # Safety
/// If `at` is not null, there are `len` elements, which nobody else uses while the slice is in use.
pub(crate) unsafe fn slice_mut<'a, T>(at: *mut T, len: usize) -> Option<&'a mut [T]> {
    // SAFETY: by the caller, and what a slice asks for besides is checked.
    fits(at, len).then(|| unsafe { core::slice::from_raw_parts_mut(at, len) })
}

/// Whether a slice may be made of it: not null, aligned, at most `isize::MAX` bytes and not past
/// the end of memory.
fn fits<T>(at: *const T, len: usize) -> bool {
    let bytes = len.checked_mul(size_of::<T>());
    !at.is_null()
        && at.is_aligned()
        && bytes.is_some_and(|bytes| {
            bytes <= isize::MAX.unsigned_abs() && at.addr().checked_add(bytes).is_some()
        })
}

/// Whether no two of the buffers (address, bytes) share bytes.
pub(crate) fn apart(buffers: &[(usize, usize)]) -> bool {
    let meet = |a: &(usize, usize), b: &(usize, usize)| {
        a.0 < b.0.saturating_add(b.1) && b.0 < a.0.saturating_add(a.1)
    };
    let mut rest = buffers.iter();
    while let Some(buffer) = rest.next() {
        if rest.as_slice().iter().any(|other| meet(buffer, other)) {
            return false;
        }
    }
    true
}
