//! Work on many images at once. The result does not depend on the number of threads.

use rayon::prelude::*;

use super::error::DataError;
use super::progress::Progress;

/// The bytes of `count` images: `make` fills in each, by its index. With what it returned, in order.
pub(super) fn make_images<R: Send>(
    count: usize,
    image_len: usize,
    progress: &dyn Progress,
    make: impl Fn(usize, &mut [u8]) -> R + Sync,
) -> Result<(Vec<u8>, Vec<R>), DataError> {
    let len = count.saturating_mul(image_len);
    let mut pixels = Vec::new();
    let room = pixels.try_reserve_exact(len);
    room.map_err(|_| DataError::Memory { needed: len as u64 })?;
    pixels.resize(len, 0);
    let made = pixels
        .par_chunks_exact_mut(image_len.max(1))
        .enumerate()
        .map(|(index, image)| {
            let made = make(index, image);
            progress.advance(1);
            made
        })
        .collect();
    Ok((pixels, made))
}

#[cfg(test)]
mod tests {
    use rayon::ThreadPoolBuilder;

    use super::super::progress::Silent;
    use super::*;

    #[test]
    fn every_item_is_made_once_whatever_the_number_of_threads() {
        for threads in [1, 2, 7] {
            let pool = ThreadPoolBuilder::new().num_threads(threads).build();
            let pool = pool.unwrap();
            for count in [0, 1, 64, 5 * 64 + 3] {
                let make = |index, bytes: &mut [u8]| {
                    bytes.iter_mut().for_each(|b| *b += (index % 251) as u8);
                    index
                };
                let (out, results) = pool
                    .install(|| make_images(count, 3, &Silent, make))
                    .unwrap();
                assert_eq!(results, (0..count).collect::<Vec<_>>());
                for (index, bytes) in out.chunks(3).enumerate() {
                    assert_eq!(bytes, [(index % 251) as u8; 3]);
                }
            }
        }
    }
}
