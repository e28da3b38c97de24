//! Where tensors live: the CPU by default, a GPU in builds that have one.

use std::fmt;
use std::str::FromStr;

use burn::tensor::Device;

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
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum DeviceError {
    /// Not one of the five words.
    Unknown(String),
    /// This program was built without it.
    NotBuilt(&'static str),
}

impl fmt::Display for DeviceError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unknown(word) => write!(
                f,
                "there is no device \"{word}\"; --device takes auto, cpu, ndarray, cuda or vulkan"
            ),
            Self::NotBuilt(name) => write!(
                f,
                "this build has no {name} device; build with `cargo build --release -p dreamlet-trainer --features {name}`, or take --device cpu"
            ),
        }
    }
}

impl std::error::Error for DeviceError {}

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

impl DeviceChoice {
    /// Opens the device, without automatic differentiation.
    ///
    /// # Errors
    /// [`DeviceError::NotBuilt`] names the cargo feature to build with.
    pub fn open(self) -> Result<(Device, &'static str), DeviceError> {
        match self {
            Self::Auto if cfg!(feature = "cuda") => Self::Cuda.open(),
            Self::Auto if cfg!(feature = "vulkan") => Self::Vulkan.open(),
            Self::Auto | Self::Cpu => Ok((Device::flex(), "cpu")),
            #[cfg(feature = "ndarray")]
            Self::Ndarray => Ok((Device::ndarray(), "ndarray")),
            #[cfg(feature = "cuda")]
            Self::Cuda => Ok((Device::cuda(0), "cuda")),
            #[cfg(feature = "vulkan")]
            Self::Vulkan => Ok((
                Device::vulkan(burn::tensor::DeviceKind::DefaultDevice),
                "vulkan",
            )),
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
    fn a_device_this_build_lacks_names_the_feature_to_build_with() {
        if !cfg!(feature = "cuda") {
            let message = "cuda"
                .parse::<DeviceChoice>()
                .unwrap()
                .open()
                .unwrap_err()
                .to_string();
            assert!(message.contains("--features cuda"), "{message}");
        }
        assert!(
            "tpu"
                .parse::<DeviceChoice>()
                .unwrap_err()
                .to_string()
                .contains("auto, cpu")
        );
    }
}
