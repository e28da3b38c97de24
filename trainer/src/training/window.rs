//! Losses stay on the device until several steps can be read back at once.

use burn::tensor::Tensor;

/// Losses of steps that were not read back yet, and sums of those that were, since the last line of `stats.jsonl`.
#[derive(Debug, Default)]
pub(super) struct Window {
    pending: Vec<(u64, Tensor<1>)>,
    sums: Vec<f64>,
    count: u64,
    lately: Vec<Vec<f64>>,
}

/// The first step whose losses are not finite.
#[derive(Debug)]
pub(super) struct NotFinite {
    pub(super) step: u64,
    pub(super) losses: Vec<f64>,
}

impl Window {
    pub(super) fn push(&mut self, step: u64, stats: Tensor<1>) {
        self.pending.push((step, stats));
    }

    pub(super) fn pending(&self) -> usize {
        self.pending.len()
    }

    /// Reads everything back in one transfer.
    pub(super) fn read(&mut self) -> Result<(), NotFinite> {
        self.lately.clear();
        let (steps, tensors): (Vec<u64>, Vec<Tensor<1>>) =
            std::mem::take(&mut self.pending).into_iter().unzip();
        let Some(width) = tensors.first().map(|t| t.dims()[0].max(1)) else {
            return Ok(());
        };
        let values = Tensor::cat(tensors, 0)
            .into_data()
            .try_to_vec::<f32>()
            .unwrap_or_default();
        self.sums.resize(width, 0.0);
        for (step, row) in steps.into_iter().zip(values.chunks(width)) {
            let losses: Vec<f64> = row.iter().map(|v| f64::from(*v)).collect();
            if losses.iter().any(|v| !v.is_finite()) {
                return Err(NotFinite { step, losses });
            }
            self.sums
                .iter_mut()
                .zip(&losses)
                .for_each(|(sum, v)| *sum += v);
            self.count += 1;
            self.lately.push(losses);
        }
        Ok(())
    }

    /// The losses of each step that the last [`Window::read`] brought back.
    pub(super) fn lately(&self) -> &[Vec<f64>] {
        &self.lately
    }

    /// Means since the last [`Window::clear`].
    #[allow(clippy::cast_precision_loss)]
    pub(super) fn means(&self) -> Vec<f64> {
        self.sums
            .iter()
            .map(|s| s / self.count.max(1) as f64)
            .collect()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.count == 0
    }

    pub(super) fn clear(&mut self) {
        self.sums.clear();
        self.count = 0;
    }
}
