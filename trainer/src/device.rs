//! Where tensors live: the CPU by default, a GPU in builds that have one.

use std::str::FromStr;

use burn::tensor::{Device, Tensor};
use thiserror::Error;

/// What `--device` takes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum DeviceChoice {
    /// The fastest this build has: cuda, then vulkan, then cpu.
    #[default]
    Auto,
    /// burn-flex, always there.
    Cpu,
    /// burn-ndarray, feature `ndarray`.
    Ndarray,
    /// NVIDIA's CUDA, feature `cuda`.
    Cuda,
    /// Vulkan, feature `vulkan`.
    Vulkan,
}

/// What can be wrong with a device.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum DeviceError {
    #[error("there is no device \"{0}\"; --device takes auto, cpu, ndarray, cuda or vulkan")]
    Unknown(String),
    #[error(
        "this build has no {0} device; build with `cargo build --release -p dreamlet-trainer --features {0}`, or take --device cpu"
    )]
    NotBuilt(&'static str),
    #[error(
        "the {name} device does not work here: {reason}. Check the driver, or take --device cpu"
    )]
    Unusable {
        name: &'static str,
        /// The driver's words.
        reason: String,
    },
}

impl FromStr for DeviceChoice {
    type Err = DeviceError;

    fn from_str(text: &str) -> Result<Self, DeviceError> {
        match text {
            "auto" => Ok(Self::Auto),
            "cpu" | "flex" => Ok(Self::Cpu),
            "ndarray" => Ok(Self::Ndarray),
            "cuda" => Ok(Self::Cuda),
            "vulkan" => Ok(Self::Vulkan),
            other => Err(DeviceError::Unknown(other.to_owned())),
        }
    }
}

/// Opens a device and computes something on it: drivers that are missing show only then, and by a
/// panic.
#[allow(dead_code, reason = "builds without a GPU have nothing to try")]
fn tried(
    name: &'static str,
    open: impl FnOnce() -> Device,
) -> Result<(Device, &'static str), DeviceError> {
    let hook = std::panic::take_hook();
    std::panic::set_hook(Box::new(|_| {}));
    let result = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        let device = open();
        let two = Tensor::<1>::ones([2], &device).sum().into_scalar::<f32>();
        (two == 2.0).then_some(device)
    }));
    std::panic::set_hook(hook);
    let reason = match result {
        Ok(Some(device)) => return Ok((device, name)),
        Ok(None) => "it computes 1 + 1 wrongly".to_owned(),
        Err(panic) => panic
            .downcast_ref::<String>()
            .cloned()
            .or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned()))
            .unwrap_or_else(|| "it does not say why".to_owned()),
    };
    Err(DeviceError::Unusable { name, reason })
}

impl DeviceChoice {
    /// Opens the device, without automatic differentiation.
    ///
    /// # Errors
    /// [`DeviceError::NotBuilt`] names the cargo feature to build with; [`DeviceError::Unusable`]
    /// has the driver's words.
    pub(crate) fn open(self) -> Result<(Device, &'static str), DeviceError> {
        match self {
            Self::Auto => Self::Cuda
                .open()
                .or_else(|_| Self::Vulkan.open())
                .or_else(|_| Self::Cpu.open()),
            Self::Cpu => Ok((Device::flex(), "cpu")),
            #[cfg(feature = "ndarray")]
            #[allow(deprecated, reason = "kept to compare with until burn drops it")]
            Self::Ndarray => Ok((Device::ndarray(), "ndarray")),
            #[cfg(feature = "cuda")]
            Self::Cuda => tried("cuda", || Device::cuda(0)),
            #[cfg(feature = "vulkan")]
            Self::Vulkan => tried("vulkan", || {
                Device::vulkan(burn::tensor::DeviceKind::DefaultDevice)
            }),
            #[allow(unreachable_patterns)]
            Self::Ndarray => Err(DeviceError::NotBuilt("ndarray")),
            #[allow(unreachable_patterns)]
            Self::Cuda => Err(DeviceError::NotBuilt("cuda")),
            #[allow(unreachable_patterns)]
            Self::Vulkan => Err(DeviceError::NotBuilt("vulkan")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_device_that_panics_is_an_error_with_its_words() {
        let error = tried("cuda", || panic!("no driver")).unwrap_err();
        assert!(error.to_string().contains("no driver"), "{error}");
        assert!(tried("cpu", Device::flex).is_ok());
    }

    #[test]
    fn a_device_this_build_lacks_names_the_feature_to_build_with() {
        if !cfg!(feature = "cuda") {
            let message = DeviceChoice::Cuda.open().unwrap_err().to_string();
            assert!(message.contains("--features cuda"), "{message}");
            assert_eq!("cuda".parse(), Ok(DeviceChoice::Cuda));
        }
        let message = "tpu".parse::<DeviceChoice>().unwrap_err().to_string();
        assert!(message.contains("auto, cpu"), "{message}");
    }
}
