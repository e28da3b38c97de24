//! Training steps of a configuration, on images of noise: what they show does not change how long
//! they take.

use std::time::{Duration, Instant};

use burn::tensor::{Device, Tensor, TensorData};

use super::Times;
use crate::config::Config;
use crate::random::{Purpose, stream};
use crate::training::{Batch, Learner, StepContext};

/// Steps before the measurement begins: the first ones allocate, compile and tune.
pub(crate) const WARM_UP: u64 = 2;

/// Steps that are measured at least, however long they take.
const LEAST: usize = 3;

/// Times the steps of `config` on `device` for about `time`, each until its losses can be read.
///
/// `None` when the configuration has neither a GAN's nor a VAE's section.
pub(crate) fn steps(config: &Config, device: &Device, time: Duration) -> Option<Times> {
    let device = device.clone().autodiff();
    let (rows, side, channels) = (
        config.optimizer.batch,
        config.data.size,
        config.data.channels,
    );
    let mut pixels = vec![0.0; rows * channels * side * side];
    stream(0, Purpose::Score, 0).fill_uniform(&mut pixels);
    let mut batch = || {
        let data = TensorData::new(pixels.clone(), [rows, channels, side, side]);
        let pixels = Tensor::<4>::from_data(data, &device);
        let classes = (config.model.classes > 0).then(|| Tensor::zeros([rows], &device));
        Batch { pixels, classes }
    };
    let mut learner = Learner::new(config, &device)?;
    let moment = StepContext {
        fraction: 0.0,
        augment: config.augment_at(1.0),
    };
    let mut times = Times::default();
    let mut begin = Instant::now();
    for step in 0.. {
        let before = Instant::now();
        // Reading the losses waits until the device has done the step.
        let _ = learner.step(step, moment, &mut batch).into_data();
        if step < WARM_UP {
            begin = Instant::now();
            continue;
        }
        times.push(before.elapsed().as_secs_f64());
        if times.count() >= LEAST && begin.elapsed() >= time {
            break;
        }
    }
    Some(times)
}
