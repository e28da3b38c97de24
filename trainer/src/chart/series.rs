//! A curve.

/// One number over the steps of a run.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Series {
    /// Its name in the file.
    pub name: String,
    /// Step and value, by rising step, one value a step.
    pub points: Vec<(u64, f64)>,
}

impl Series {
    /// At most `2 * buckets` points that keep every peak: the smallest and the largest value of
    /// each of `buckets` stretches.
    pub(crate) fn thin(&self, buckets: usize) -> Vec<(u64, f64)> {
        let length = self.points.len().div_ceil(buckets.max(1)).max(1);
        if length <= 2 {
            return self.points.clone();
        }
        let mut kept = Vec::new();
        for stretch in self.points.chunks(length) {
            let by_value = |a: &&(u64, f64), b: &&(u64, f64)| a.1.total_cmp(&b.1);
            let (low, high) = (
                stretch.iter().min_by(by_value),
                stretch.iter().max_by(by_value),
            );
            let mut ends: Vec<(u64, f64)> = low.into_iter().chain(high).copied().collect();
            ends.sort_by_key(|p| p.0);
            ends.dedup_by_key(|p| p.0);
            kept.extend(ends);
        }
        kept
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thinning_keeps_the_peaks_and_the_order() {
        let mut series = Series {
            name: String::new(),
            points: (0..10_000).map(|s| (s, 1.0)).collect(),
        };
        series.points[4321].1 = 99.0;
        series.points[77].1 = -5.0;
        let thin = series.thin(200);
        assert!(thin.len() <= 400, "{}", thin.len());
        assert!(thin.contains(&(4321, 99.0)) && thin.contains(&(77, -5.0)));
        assert!(thin.windows(2).all(|w| w[0].0 < w[1].0));
        series.points.truncate(300);
        assert_eq!(series.thin(200).len(), 300);
    }
}
