//! Losses stay on the device until several steps can be read back at once.

use burn::tensor::Tensor;

/// Names of the losses of a step.
type Names = &'static [&'static str];

/// Steps between two read-backs.
const READ_EVERY: usize = 10;

/// Losses of steps that were not read back yet, and sums of those that were, since the last line of
/// `stats.jsonl`.
#[derive(Debug, Default)]
pub(super) struct LossBuffer {
    pending: Vec<(u64, Names, Tensor<1>)>,
    /// Of each loss, the sum over the steps that have it and their count: the stages of a run have
    /// different ones.
    sums: Vec<(&'static str, f64, u64)>,
}

/// The losses of one step.
#[derive(Debug)]
pub(super) struct Losses {
    names: Names,
    values: Vec<f64>,
}

impl Losses {
    pub(super) fn get(&self, name: &str) -> Option<f64> {
        let place = self.names.iter().position(|n| *n == name)?;
        self.values.get(place).copied()
    }
}

impl std::fmt::Display for Losses {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let losses = self.names.iter().zip(&self.values);
        let losses: Vec<String> = losses
            .map(|(name, value)| format!("{name} {value}"))
            .collect();
        f.write_str(&losses.join(", "))
    }
}

impl LossBuffer {
    /// The losses `stats` of a step, one for each of `names`.
    pub(super) fn push(&mut self, step: u64, names: Names, stats: Tensor<1>) {
        self.pending.push((step, names, stats));
    }

    /// Whether so many losses are on the device that they should be read back.
    pub(super) fn is_full(&self) -> bool {
        self.pending.len() >= READ_EVERY
    }

    /// Reads everything back in one transfer; gives the losses of each step.
    ///
    /// # Errors
    /// The first step with a loss that is NaN or infinite, and its losses.
    pub(super) fn read(&mut self) -> Result<Vec<Losses>, (u64, Losses)> {
        let pending = std::mem::take(&mut self.pending);
        let tensors: Vec<Tensor<1>> = pending.iter().map(|(_, _, t)| t.clone()).collect();
        let mut lately = Vec::new();
        if tensors.is_empty() {
            return Ok(lately);
        }
        let values = Tensor::cat(tensors, 0).into_data().try_to_vec::<f32>();
        let mut values = values.unwrap_or_default().into_iter().map(f64::from);
        for (step, names, _) in pending {
            let losses = Losses {
                names,
                values: values.by_ref().take(names.len()).collect(),
            };
            if losses.values.iter().any(|v| !v.is_finite()) {
                return Err((step, losses));
            }
            self.add(&losses);
            lately.push(losses);
        }
        Ok(lately)
    }

    fn add(&mut self, losses: &Losses) {
        for (name, value) in losses.names.iter().zip(&losses.values) {
            match self.sums.iter_mut().find(|(known, ..)| known == name) {
                Some((_, sum, count)) => {
                    *sum += value;
                    *count += 1;
                }
                None => self.sums.push((*name, *value, 1)),
            }
        }
    }

    /// Names and means since the last [`LossBuffer::clear`].
    pub(super) fn means(&self) -> Vec<(&'static str, f64)> {
        let sums = self.sums.iter();
        sums.map(|(name, sum, count)| (*name, sum / *count as f64))
            .collect()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.sums.is_empty()
    }

    pub(super) fn clear(&mut self) {
        self.sums.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use burn::tensor::Device;

    #[test]
    fn each_mean_is_over_the_steps_that_have_the_loss() {
        let device = Device::flex();
        let of = |values: &[f32]| Tensor::<1>::from_floats(values, &device);
        let mut buffer = LossBuffer::default();
        buffer.push(1, &["a", "b"], of(&[1.0, 10.0]));
        buffer.push(2, &["a", "b"], of(&[3.0, 20.0]));
        buffer.push(3, &["c"], of(&[7.0]));
        let lately = buffer.read().unwrap();
        assert_eq!(buffer.means(), [("a", 2.0), ("b", 15.0), ("c", 7.0)]);
        assert_eq!(lately.last().unwrap().get("c"), Some(7.0));
        buffer.clear();
        assert!(buffer.is_empty());
    }

    #[test]
    fn the_first_step_that_is_not_finite_is_named_with_its_losses() {
        let device = Device::flex();
        let mut buffer = LossBuffer::default();
        buffer.push(4, &["a"], Tensor::from_floats([1.0], &device));
        let bad = Tensor::from_floats([2.0, f32::NAN], &device);
        buffer.push(5, &["b", "c"], bad);
        let (step, losses) = buffer.read().unwrap_err();
        assert_eq!((step, losses.to_string().as_str()), (5, "b 2, c NaN"));
    }
}
