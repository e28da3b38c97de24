//! `--data stacked-mnist`: three random MNIST digits as the colours of one image, which has 1000 modes
//! (Metz et al. 2017, section 3.3.1; Srivastava et al. 2017, section 4.2).

use std::sync::Arc;

use dreamlet_runtime::latent::Stream;

use super::dataset::{Dataset, Split};
use super::error::DataError;

/// Seed of the choice of digits, fixed so that everyone has the same images.
const SEED: u64 = 0;
const DOMAIN: &str = "stacked-mnist";

/// Digits of an image: its channels.
pub(crate) const DIGITS: usize = 3;

/// Stacked images, by what they are for: no two sets are made of the same choices.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Stack {
    Train,
    Test,
    /// Test digits once more, for real images against real ones.
    Floor,
}

/// `count` images of [`DIGITS`] images of `digits` each, chosen with replacement: image i is a
/// function of i alone.
pub(crate) fn stack(digits: &Split, count: usize, of: Stack) -> Vec<u8> {
    let images = (0..count as u64).flat_map(|index| {
        let mut stream = Stream::at(SEED, DOMAIN, index, of as u64);
        [(); DIGITS].map(|()| digits.image(stream.below(digits.len())).unwrap_or_default())
    });
    images.flatten().copied().collect()
}

/// As many stacked images as `digits` has, in each split; the digits are kept for the metric.
pub(super) fn of(digits: Dataset) -> Result<Dataset, DataError> {
    let split = |split: &Split, of| {
        let pixels = stack(split, split.len(), of);
        Split::new(pixels, None, DIGITS * split.image_len())
    };
    Ok(Dataset {
        channels: DIGITS,
        height: digits.height,
        width: digits.width,
        train: split(&digits.train, Stack::Train)?,
        test: split(&digits.test, Stack::Test)?,
        notes: digits.notes.clone(),
        digits: Some(Arc::new(digits)),
        ..Dataset::default()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 50 images of one pixel, which is their number.
    fn digits() -> Split {
        Split::new((0..50).collect(), Some(vec![0; 50]), 1).unwrap()
    }

    #[test]
    fn images_are_chosen_evenly_and_depend_on_their_number_alone() {
        let all = stack(&digits(), 10_000, Stack::Train);
        assert_eq!(all.len(), 30_000);
        assert_eq!(stack(&digits(), 10, Stack::Train), all[..30]);
        assert_ne!(stack(&digits(), 10, Stack::Test), all[..30]);
        for channel in 0..3 {
            let mut counts = [0_u32; 50];
            let chosen = all.iter().skip(channel).step_by(3);
            chosen.for_each(|digit| counts[usize::from(*digit)] += 1);
            // 200 of each, with a standard deviation of 14.
            assert!(counts.iter().all(|n| (130..270).contains(n)), "{counts:?}");
        }
        // Digits of one image have nothing to do with each other: a fiftieth are the same.
        let same = all.chunks(3).filter(|image| image[0] == image[1]).count();
        assert!((130..270).contains(&same), "{same}");
    }

    #[test]
    fn a_stacked_set_has_as_many_images_as_its_digits_no_labels_and_three_channels() {
        let set = Dataset {
            channels: 1,
            height: 1,
            width: 1,
            train: digits(),
            test: digits(),
            ..Dataset::default()
        };
        let stacked = of(set).unwrap();
        assert_eq!((stacked.train.len(), stacked.test.len()), (50, 50));
        assert_eq!((stacked.shape(), stacked.image_len()), ([3, 1, 1], 3));
        assert!(stacked.train.labels().is_none() && stacked.classes.is_empty());
        assert_eq!(stacked.digits.unwrap().train.len(), 50);
    }
}
