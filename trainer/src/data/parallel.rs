//! Work on many images at once. The result does not depend on the number of threads.

use rayon::ThreadPoolBuilder;
use rayon::prelude::*;

use super::progress::Progress;

/// Images a thread takes at a time.
const BLOCK: usize = 64;

/// Calls `make` for each item of `out` with its index and its `item_len` bytes, and returns what it
/// returned, in order. `threads` of 0 means one for each core. `state` is what a thread keeps from
/// one image to the next.
pub(super) fn fill_items<S, R: Send>(
    out: &mut [u8],
    item_len: usize,
    threads: usize,
    progress: &dyn Progress,
    state: impl Fn() -> S + Sync,
    make: impl Fn(&mut S, usize, &mut [u8]) -> R + Sync,
) -> Vec<R> {
    let item_len = item_len.max(1);
    let mut work = || {
        out.par_chunks_mut(item_len.saturating_mul(BLOCK))
            .enumerate()
            .map_init(&state, |state, (block, bytes)| {
                let items = bytes.chunks_exact_mut(item_len).enumerate();
                let results: Vec<R> = items
                    .map(|(index, bytes)| make(state, block * BLOCK + index, bytes))
                    .collect();
                progress.advance(results.len() as u64);
                results
            })
            .flatten_iter()
            .collect()
    };
    let pool = (threads > 0).then(|| ThreadPoolBuilder::new().num_threads(threads).build());
    match pool {
        Some(Ok(pool)) => pool.install(work),
        // Where no threads can be started, the program's own do the work.
        Some(Err(_)) | None => work(),
    }
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
