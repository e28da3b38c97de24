//! Where the elements of a convolution's windows are, when channels lie together, `[N, H, W, C]`.

use std::borrow::Cow;

/// Kernel, stride and padding, the same in both directions, and the pixels of the big map.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::nets) struct Geometry {
    /// Rows and columns of the kernel.
    pub(in crate::nets) kernel: usize,
    /// Pixels from one tap to the next.
    pub(in crate::nets) stride: usize,
    /// Pixels of zeros around the big map.
    pub(in crate::nets) padding: usize,
    /// Height and width of the big map.
    pub(in crate::nets) big: [usize; 2],
    /// Groups of channels, in both maps, that have nothing to do with each other.
    pub(in crate::nets) groups: usize,
}

impl Geometry {
    /// Height and width of the small map.
    pub(in crate::nets) fn small(&self) -> [usize; 2] {
        self.big
            .map(|n| (n + 2 * self.padding).saturating_sub(self.kernel) / self.stride + 1)
    }

    pub(super) fn taps(&self) -> usize {
        self.kernel * self.kernel
    }

    pub(super) fn small_pixels(&self) -> usize {
        self.small().iter().product()
    }

    pub(super) fn big_pixels(&self) -> usize {
        self.big.iter().product()
    }

    /// For each small pixel and each row of the kernel: the first of its taps that is not padding
    /// and how many follow each other, and the big pixel under it. Runs of taps are runs of big
    /// pixels.
    pub(super) fn runs(&self) -> Vec<Run> {
        let [[height, width], [small_height, small_width]] = [self.big, self.small()];
        let span = |at: usize, extent: usize| {
            let begin = at * self.stride;
            let first = self.padding.saturating_sub(begin).min(self.kernel);
            let last = (extent + self.padding)
                .saturating_sub(begin)
                .min(self.kernel);
            (first, last.max(first), begin)
        };
        let mut runs = Vec::new();
        for y in 0..small_height {
            let (top, bottom, above) = span(y, height);
            for x in 0..small_width {
                let (left, right, before) = span(x, width);
                for tap in top..bottom {
                    if right > left {
                        runs.push(Run {
                            small: y * small_width + x,
                            tap: tap * self.kernel + left,
                            big: (above + tap - self.padding) * width + before + left
                                - self.padding,
                            len: right - left,
                        });
                    }
                }
            }
        }
        runs
    }
}

/// Taps that follow each other in a kernel's row.
#[derive(Clone, Copy, Debug)]
pub(super) struct Run {
    pub(super) small: usize,
    pub(super) tap: usize,
    pub(super) big: usize,
    pub(super) len: usize,
}

/// Elements of a block of framed images: half of a usual second-level cache.
const BLOCK: usize = 256 * 1024;

/// Images `[H, W, channels]` with zeros around them.
#[derive(Clone, Copy)]
pub(super) struct PaddedFrame {
    pub(super) height: usize,
    pub(super) width: usize,
    pub(super) channels: usize,
    /// Pixels of zeros above and left of the image.
    pub(super) before: usize,
    /// Height and width with the zeros.
    pub(super) framed: [usize; 2],
}

impl PaddedFrame {
    pub(super) fn image_len(&self) -> usize {
        self.height * self.width * self.channels
    }

    pub(super) fn row_len(&self) -> usize {
        self.framed[1] * self.channels
    }

    pub(super) fn len(&self) -> usize {
        self.framed[0] * self.row_len()
    }

    /// Images in a block of at most `most`.
    pub(super) fn block(&self, most: usize) -> usize {
        (BLOCK / self.len().max(1)).clamp(1, most)
    }

    /// Where the pixel of a row and a column with the zeros is, in image `image` of a block.
    pub(super) fn at(&self, image: usize, row: usize, column: usize) -> usize {
        image * self.len() + row * self.row_len() + column * self.channels
    }

    /// The images in their frames: as they are where a frame has no zeros.
    pub(super) fn fill<'a>(&self, images: &'a [f32]) -> Cow<'a, [f32]> {
        if self.len() == self.image_len() {
            return Cow::Borrowed(images);
        }
        let count = images.len() / self.image_len().max(1);
        let mut framed = Vec::with_capacity(count * self.len());
        let run = (self.width * self.channels).max(1);
        for (index, image) in images.chunks_exact(self.image_len().max(1)).enumerate() {
            for (row, elements) in image.chunks_exact(run).enumerate() {
                framed.resize(self.at(index, self.before + row, self.before), 0.0);
                framed.extend_from_slice(elements);
            }
        }
        framed.resize(count * self.len(), 0.0);
        Cow::Owned(framed)
    }
}

impl Geometry {
    /// The big map in its padding.
    pub(super) fn big_frame(&self, channels: usize) -> PaddedFrame {
        let [height, width] = self.big;
        PaddedFrame {
            height,
            width,
            channels,
            before: self.padding,
            framed: self.big.map(|n| n + 2 * self.padding),
        }
    }

    /// Where the windows of a convolution begin, of `images` images.
    pub(super) fn starts(&self, frame: &PaddedFrame, images: usize) -> Vec<usize> {
        let [height, width] = self.small();
        let mut starts = Vec::with_capacity(images * height * width);
        for image in 0..images {
            for y in 0..height {
                starts
                    .extend((0..width).map(|x| frame.at(image, y * self.stride, x * self.stride)));
            }
        }
        starts
    }

    /// Where the parts of windows of `rows` x `columns` pixels are for one of the groups, and the
    /// elements of each: whole rows, or where there are groups the group's channels of each pixel.
    pub(super) fn parts(
        &self,
        frame: &PaddedFrame,
        [rows, columns]: [usize; 2],
        group: usize,
    ) -> (Vec<usize>, usize) {
        let rows = 0..rows;
        if self.groups == 1 {
            let parts = rows.map(|row| row * frame.row_len());
            return (parts.collect(), columns * frame.channels);
        }
        let len = frame.channels / self.groups.max(1);
        let parts = rows
            .flat_map(|row| (0..columns).map(move |column| frame.at(0, row, column) + group * len));
        (parts.collect(), len)
    }

    /// The small map in as many zeros as windows of a transposed convolution see.
    pub(super) fn small_frame(&self, channels: usize) -> PaddedFrame {
        let [height, width] = self.small();
        let before = self.kernel.div_ceil(self.stride).saturating_sub(1);
        let last = self
            .big
            .map(|n| (n + self.padding).saturating_sub(1) / self.stride + 1);
        PaddedFrame {
            height,
            width,
            channels,
            before,
            framed: [before + last[0].max(height), before + last[1].max(width)],
        }
    }
}
