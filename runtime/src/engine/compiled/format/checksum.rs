//! A checksum that costs next to nothing.

/// Words that are summed side by side.
const LANES: usize = 16;

/// Two running sums, as Fletcher's ("An Arithmetic Checksum for Serial Transmissions", 1982), over
/// little-endian 32-bit words in 16 interleaved lanes, modulo 2³²: any one damaged word and any two
/// exchanged words of one lane change it, and it runs at the speed of memory. A last word that is
/// not whole is filled with zeros. Not a protection against intent.
#[must_use]
pub const fn checksum(bytes: &[u8]) -> u32 {
    let mut sum = [0u32; LANES];
    let mut sums = [0u32; LANES];
    let mut rest = bytes;
    while let Some((chunk, behind)) = rest.split_first_chunk::<{ 4 * LANES }>() {
        add(&mut sum, &mut sums, chunk);
        rest = behind;
    }
    let mut last = [0; 4 * LANES];
    let mut i = 0;
    while i < rest.len() && i < last.len() {
        last[i] = rest[i];
        i += 1;
    }
    add(&mut sum, &mut sums, &last);
    let mut folded = 0u32;
    let mut lane = 0;
    while lane < LANES {
        // Odd factors, so that lanes cannot be exchanged.
        folded = folded
            .wrapping_mul(0x9E37_79B1)
            .wrapping_add(sum[lane])
            .rotate_left(13)
            .wrapping_mul(0x85EB_CA77)
            .wrapping_add(sums[lane]);
        lane += 1;
    }
    folded
}

/// Adds one word to each lane.
const fn add(sum: &mut [u32; LANES], sums: &mut [u32; LANES], chunk: &[u8; 4 * LANES]) {
    let words = chunk.as_chunks::<4>().0;
    let mut lane = 0;
    while lane < LANES && lane < words.len() {
        sum[lane] = sum[lane].wrapping_add(u32::from_le_bytes(words[lane]));
        sums[lane] = sums[lane].wrapping_add(sum[lane]);
        lane += 1;
    }
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
