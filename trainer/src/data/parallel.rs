//! Work on many images at once, in threads that take blocks from one queue.

use std::num::NonZeroUsize;
use std::sync::{Mutex, PoisonError};
use std::thread;

use super::progress::Progress;

/// Images a thread takes at a time: few enough to share the work evenly, enough not to queue for it.
const BLOCK: usize = 64;

/// Number of threads for `wanted`, where 0 means one for each core.
pub(super) fn threads(wanted: usize) -> usize {
    match wanted {
        0 => thread::available_parallelism().map_or(1, NonZeroUsize::get),
        n => n,
    }
}

/// Calls `make` for each item of `items` with its index and the `item_len` bytes of `out` that belong to
/// it, and returns what it returned, in order. `state` is made once per thread. The result does
/// not depend on the number of threads.
pub(super) fn fill_items<S, R: Default + Clone + Send>(
    out: &mut [u8],
    item_len: usize,
    threads: usize,
    progress: &dyn Progress,
    state: impl Fn() -> S + Sync,
    make: impl Fn(&mut S, usize, &mut [u8]) -> R + Sync,
) -> Vec<R> {
    let count = out.len().checked_div(item_len).unwrap_or(0);
    let mut results = vec![R::default(); count];
    if count == 0 {
        return results;
    }
    let blocks = out
        .chunks_mut(item_len.saturating_mul(BLOCK))
        .zip(results.chunks_mut(BLOCK))
        .enumerate();
    let queue = Mutex::new(blocks);
    let work = || {
        let mut state = state();
        loop {
            let next = queue.lock().unwrap_or_else(PoisonError::into_inner).next();
            let Some((block, (bytes, results))) = next else {
                return;
            };
            let first = block * BLOCK;
            let items = bytes.chunks_exact_mut(item_len).zip(results.iter_mut());
            for (index, (bytes, result)) in items.enumerate() {
                *result = make(&mut state, first + index, bytes);
            }
            progress.advance(results.len() as u64);
        }
    };
    thread::scope(|scope| {
        let helpers = threads.min(count.div_ceil(BLOCK)).saturating_sub(1);
        for _ in 0..helpers {
            // A thread that cannot be started leaves its share to the others.
            let _ = thread::Builder::new().spawn_scoped(scope, work);
        }
        work();
    });
    results
}

#[cfg(test)]
mod tests {
    use super::super::progress::Silent;
    use super::*;

    #[test]
    fn every_item_is_made_once_whatever_the_number_of_threads() {
        for threads in [1, 2, 7] {
            for count in [0, 1, BLOCK, 5 * BLOCK + 3] {
                let mut out = vec![0u8; count * 3];
                let results = fill_items(
                    &mut out,
                    3,
                    threads,
                    &Silent,
                    || (),
                    |(), index, bytes| {
                        bytes.iter_mut().for_each(|b| *b += (index % 251) as u8);
                        index
                    },
                );
                assert_eq!(results, (0..count).collect::<Vec<_>>());
                for (index, bytes) in out.chunks(3).enumerate() {
                    assert_eq!(bytes, [(index % 251) as u8; 3]);
                }
            }
        }
    }
}
