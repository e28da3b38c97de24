//! A tile of blue noise: thresholds with no pattern that an eye finds.

/// Columns and rows of the tile.
pub(super) const SIDE: usize = 32;
const LEN: usize = SIDE * SIDE;

/// Ranks, 0 to `LEN - 1`, each once: void and cluster (Ulichney, "The void-and-cluster method for
/// dither array generation", 1993), with a Gaussian of 1.5 pixels on a torus.
pub(super) fn ranks() -> Vec<u16> {
    let weight: Vec<f32> = (0..LEN)
        .map(|i| {
            let around = |d: usize| d.min(SIDE - d) as f32;
            let (x, y) = (around(i % SIDE), around(i / SIDE));
            (-(x * x + y * y) / (2.0 * 1.5 * 1.5)).exp()
        })
        .collect();
    let mut tile = Tile {
        weight,
        set: vec![false; LEN],
        energy: vec![0.0; LEN],
    };
    // A tenth of the pixels, spread by a step that shares no factor with the tile.
    let first = LEN / 10;
    for i in 0..first {
        tile.flip(i * 389 % LEN);
    }
    // The tightest cluster goes to the largest void until it would come back.
    for _ in 0..LEN {
        let cluster = tile.extreme(true);
        tile.flip(cluster);
        let void = tile.extreme(false);
        tile.flip(void);
        if void == cluster {
            break;
        }
    }
    let mut ranks = vec![0; LEN];
    let mut put = |at: usize, rank: usize| {
        if let Some(place) = ranks.get_mut(at) {
            *place = rank as u16;
        }
    };
    let begin = tile.set.clone();
    for rank in (0..first).rev() {
        let at = tile.extreme(true);
        tile.flip(at);
        put(at, rank);
    }
    for (at, _) in begin.iter().enumerate().filter(|(_, set)| **set) {
        tile.flip(at);
    }
    for rank in first..LEN {
        let at = tile.extreme(false);
        tile.flip(at);
        put(at, rank);
    }
    ranks
}

struct Tile {
    /// Of a set pixel at the origin, at each place.
    weight: Vec<f32>,
    set: Vec<bool>,
    /// Sum of the weights of all set pixels at each place.
    energy: Vec<f32>,
}

impl Tile {
    fn flip(&mut self, at: usize) {
        let Some(set) = self.set.get_mut(at) else {
            return;
        };
        *set = !*set;
        let sign = if *set { 1.0 } else { -1.0 };
        for (i, energy) in self.energy.iter_mut().enumerate() {
            let x = (i % SIDE + SIDE - at % SIDE) % SIDE;
            let y = (i / SIDE + SIDE - at / SIDE) % SIDE;
            *energy += sign * self.weight.get(y * SIDE + x).copied().unwrap_or(0.0);
        }
    }

    /// The set pixel with the most energy, or the free one with the least.
    fn extreme(&self, set: bool) -> usize {
        let sign = if set { -1.0 } else { 1.0 };
        let all = self.set.iter().zip(&self.energy).enumerate();
        let candidates = all.filter(|(_, (one, _))| **one == set);
        let least =
            candidates.min_by(|(_, (_, a)), (_, (_, b))| (sign * **a).total_cmp(&(sign * **b)));
        least.map_or(0, |(at, _)| at)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_rank_is_there_once() {
        let mut sorted = ranks();
        sorted.sort_unstable();
        assert!(
            sorted
                .iter()
                .enumerate()
                .all(|(i, rank)| usize::from(*rank) == i)
        );
    }

    #[test]
    fn neighbours_differ_more_than_in_white_noise() {
        // White noise: the mean distance of two ranks is a third of their number.
        let ranks = ranks();
        let at = |x: usize, y: usize| f64::from(ranks[y % SIDE * SIDE + x % SIDE]);
        let pairs = (0..LEN).map(|i| (at(i % SIDE, i / SIDE), at(i % SIDE + 1, i / SIDE)));
        let mean = pairs.map(|(a, b)| (a - b).abs()).sum::<f64>() / LEN as f64;
        assert!(mean > LEN as f64 * 0.38, "{mean}");
    }
}
