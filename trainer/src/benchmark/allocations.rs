//! How often a call allocates, by the program's allocator.
#![allow(
    unsafe_code,
    reason = "an allocator is an unsafe trait: every call is handed on as it came"
)]

use std::alloc::{GlobalAlloc, Layout};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};

use mimalloc::MiMalloc;

static COUNTS: AtomicBool = AtomicBool::new(false);
static COUNT: AtomicU64 = AtomicU64::new(0);

/// mimalloc, which counts while [`allocations`] is at work and costs a load of one flag otherwise.
#[derive(Debug, Default)]
pub struct CountingAllocator;

impl CountingAllocator {
    #[inline]
    fn note() {
        if COUNTS.load(Relaxed) {
            COUNT.fetch_add(1, Relaxed);
        }
    }
}

// SAFETY: mimalloc keeps the trait's promises, and gets every call with its arguments.
unsafe impl GlobalAlloc for CountingAllocator {
    #[inline]
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        Self::note();
        // SAFETY: the caller keeps the trait's conditions.
        unsafe { MiMalloc.alloc(layout) }
    }

    #[inline]
    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        Self::note();
        // SAFETY: as above.
        unsafe { MiMalloc.alloc_zeroed(layout) }
    }

    #[inline]
    unsafe fn realloc(&self, block: *mut u8, layout: Layout, len: usize) -> *mut u8 {
        Self::note();
        // SAFETY: as above.
        unsafe { MiMalloc.realloc(block, layout, len) }
    }

    #[inline]
    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        // SAFETY: as above.
        unsafe { MiMalloc.dealloc(block, layout) }
    }
}

/// What `work` gives, and how often Rust code of any thread allocated or grew a block meanwhile.
/// `None` where [`CountingAllocator`] is not the program's allocator. Libraries in other languages
/// have allocators of their own, of which it knows nothing. One call at a time counts.
pub(crate) fn allocations<T>(work: impl FnOnce() -> T) -> (T, Option<u64>) {
    fn counted<T>(work: impl FnOnce() -> T) -> (T, u64) {
        COUNT.store(0, Relaxed);
        COUNTS.store(true, Relaxed);
        let result = work();
        COUNTS.store(false, Relaxed);
        (result, COUNT.load(Relaxed))
    }
    let ((), seen) = counted(|| drop(std::hint::black_box(Box::new(1_u8))));
    let (result, count) = counted(work);
    (result, (seen > 0).then_some(count))
}
