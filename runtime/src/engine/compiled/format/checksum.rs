//! A checksum that costs next to nothing.

/// Words that are summed side by side.
const LANES: usize = 16;

/// Two running sums, as Fletcher's ("An Arithmetic Checksum for Serial Transmissions", 1982), over
/// little-endian 32-bit words in 16 interleaved lanes, modulo 2³²: any one damaged word and any two
/// exchanged words of one lane change it, and it runs at the speed of memory. A last word that is
/// not whole is filled with zeros. Not a protection against intent.
#[must_use]
pub fn checksum(bytes: &[u8]) -> u32 {
    let mut sum = [0u32; LANES];
    let mut sums = [0u32; LANES];
    let mut add = |words: &[u32; LANES]| {
        for lane in 0..LANES {
            sum[lane] = sum[lane].wrapping_add(words[lane]);
            sums[lane] = sums[lane].wrapping_add(sum[lane]);
        }
    };
    let mut chunks = bytes.chunks_exact(4 * LANES);
    for chunk in &mut chunks {
        let mut words = [0; LANES];
        for (word, bytes) in words.iter_mut().zip(chunk.as_chunks().0) {
            *word = u32::from_le_bytes(*bytes);
        }
        add(&words);
    }
    let mut words = [0; LANES];
    for (word, bytes) in words.iter_mut().zip(chunks.remainder().chunks(4)) {
        let mut whole = [0; 4];
        for (to, from) in whole.iter_mut().zip(bytes) {
            *to = *from;
        }
        *word = u32::from_le_bytes(whole);
    }
    add(&words);
    let mut folded = 0u32;
    for lane in 0..LANES {
        // Odd factors, so that lanes cannot be exchanged.
        folded = folded
            .wrapping_mul(0x9E37_79B1)
            .wrapping_add(sum[lane])
            .rotate_left(13)
            .wrapping_mul(0x85EB_CA77)
            .wrapping_add(sums[lane]);
    }
    folded
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_changed_bit_and_exchanged_words_change_it() {
        let bytes: [u8; 301] = core::array::from_fn(|i| (i * 7 + i / 9) as u8);
        let sum = checksum(&bytes);
        for bit in 0..8 * bytes.len() {
            let mut damaged = bytes;
            damaged[bit / 8] ^= 1 << (bit % 8);
            assert_ne!(checksum(&damaged), sum, "bit {bit}");
        }
        for (a, b) in [(0, 64), (4, 8), (100, 164), (0, 256)] {
            let mut damaged = bytes;
            for i in 0..4 {
                damaged.swap(a + i, b + i);
            }
            assert_ne!(checksum(&damaged), sum, "words at {a} and {b}");
        }
    }

    #[test]
    fn its_values_do_not_change() {
        assert_eq!(checksum(&[]), 0);
        // Computed from the definition by another program.
        assert_eq!(checksum(b"dreamlet"), 0x8036_3508);
        let bytes: [u8; 200] = core::array::from_fn(|i| i as u8);
        assert_eq!(checksum(&bytes), 0x6049_2169);
    }
}
