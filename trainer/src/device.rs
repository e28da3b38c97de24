//! Where tensors live: the CPU by default, a GPU in builds that have one.

use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::str::FromStr;
use std::sync::{Arc, Mutex};

use burn::tensor::{Device, Tensor};
use thiserror::Error;

/// What `--device` takes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum DeviceChoice {
    /// A GPU that this build can open, if it is a card and not software; else the CPU. The program
    /// then trains on whichever is faster.
    #[default]
    Auto,
    /// burn-flex, always there.
    Cpu,
    /// burn-ndarray, feature `ndarray`.
    Ndarray,
    /// A GPU by its number in the list of those that its interface has.
    Gpu(Gpu, usize),
    /// No device: what there is is to be said.
    List,
}

/// An interface to GPUs, each a feature of the build.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Gpu {
    /// NVIDIA's.
    Cuda,
    /// Vulkan, Metal or DirectX 12, by shaders in WGSL.
    Wgpu,
    /// Vulkan, by shaders in SPIR-V.
    Vulkan,
}

/// All interfaces, the fastest first.
const GPUS: [Gpu; 3] = [Gpu::Cuda, Gpu::Wgpu, Gpu::Vulkan];

/// What can be wrong with a device.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum DeviceError {
    #[error(
        "there is no device \"{0}\"; --device takes auto, cpu, ndarray, cuda, wgpu or vulkan, GPUs with a number if there are several (wgpu:1), or list"
    )]
    Unknown(String),
    #[error(
        "this build has no {name} device; build with `cargo build --release -p dreamlet-trainer --features {name}`{more}, or take --device cpu",
        name = .0,
        more = more_to_build(.0)
    )]
    NotBuilt(&'static str),
    #[error(
        "the device {name} does not work here: {reason}. Check the driver, or take --device cpu"
    )]
    Unusable {
        name: String,
        /// The driver's words.
        reason: String,
    },
}

/// What else the build of a feature needs, in words.
fn more_to_build(feature: &str) -> &'static str {
    match feature {
        "cuda" => " (it downloads LLVM; scripts/setup-cuda.sh takes it from PyPI instead)",
        _ => "",
    }
}

impl Gpu {
    const fn name(self) -> &'static str {
        match self {
            Self::Cuda => "cuda",
            Self::Wgpu => "wgpu",
            Self::Vulkan => "vulkan",
        }
    }

    /// Whether this build has it.
    const fn is_built(self) -> bool {
        match self {
            Self::Cuda => cfg!(feature = "cuda"),
            Self::Wgpu => cfg!(feature = "wgpu-untuned"),
            Self::Vulkan => cfg!(feature = "vulkan"),
        }
    }

    /// The devices that it finds. Whether they work shows only when they compute.
    fn devices(self) -> Vec<Device> {
        #[cfg(any(feature = "cuda", feature = "wgpu-untuned", feature = "vulkan"))]
        use burn::tensor::DeviceType;
        match self {
            #[cfg(feature = "cuda")]
            Self::Cuda => Device::enumerate(DeviceType::Cuda).into_iter().collect(),
            #[cfg(feature = "wgpu-untuned")]
            Self::Wgpu => Device::enumerate(DeviceType::Wgpu).into_iter().collect(),
            #[cfg(feature = "vulkan")]
            Self::Vulkan => Device::enumerate(DeviceType::Vulkan).into_iter().collect(),
            #[allow(unreachable_patterns, reason = "not of builds that have all")]
            _ => Vec::new(),
        }
    }

    /// Opens device number `index`.
    fn open(self, index: usize) -> Result<OpenDevice, DeviceError> {
        if !self.is_built() {
            return Err(DeviceError::NotBuilt(self.name()));
        }
        let name = DeviceChoice::Gpu(self, index).to_string();
        let opened = said(|| {
            let mut found = self.devices();
            match found.len() {
                0 => Err("no GPU was found".to_owned()),
                count if index >= count => {
                    Err(format!("the GPUs have the numbers 0 to {}", count - 1))
                }
                _ => {
                    let device = found.swap_remove(index);
                    let two = Tensor::<1>::ones([2], &device).sum().into_scalar::<f32>();
                    let (hardware, is_card) = hardware(&device);
                    (two == 2.0)
                        .then_some((device, hardware, is_card))
                        .ok_or_else(|| "it computes 1 + 1 wrongly".to_owned())
                }
            }
        });
        match opened {
            Ok(Ok((device, hardware, is_card))) => Ok(OpenDevice {
                device,
                name,
                hardware,
                is_card,
            }),
            Ok(Err(reason)) | Err(reason) => Err(DeviceError::Unusable { name, reason }),
        }
    }
}

/// A device's own name, and whether it is a card.
fn hardware(device: &Device) -> (String, bool) {
    #[cfg(any(feature = "cuda", feature = "wgpu-untuned", feature = "vulkan"))]
    if let Some(identity) = device.identity() {
        return (identity.name, identity.physical.is_some());
    }
    let _ = device;
    (String::new(), false)
}

/// A device that computes.
#[derive(Clone, Debug)]
pub(crate) struct OpenDevice {
    /// Without automatic differentiation.
    pub(crate) device: Device,
    /// As `--device` takes it.
    pub(crate) name: String,
    /// What the device calls itself; empty for the CPU.
    pub(crate) hardware: String,
    /// Whether it is a card, and no driver that computes on the CPU.
    is_card: bool,
}

impl OpenDevice {
    fn on_cpu(name: &str, device: Device) -> Self {
        Self {
            device,
            name: name.to_owned(),
            hardware: String::new(),
            is_card: false,
        }
    }

    /// Whether it is a GPU, or what says that it is one.
    pub(crate) fn is_gpu(&self) -> bool {
        !self.hardware.is_empty()
    }

    pub(crate) fn is_cuda(&self) -> bool {
        self.name.starts_with(Gpu::Cuda.name())
    }
}

impl fmt::Display for OpenDevice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)?;
        match self.is_gpu() {
            true => write!(f, " ({})", self.hardware),
            false => Ok(()),
        }
    }
}

impl FromStr for DeviceChoice {
    type Err = DeviceError;

    fn from_str(text: &str) -> Result<Self, DeviceError> {
        let unknown = || DeviceError::Unknown(text.to_owned());
        let (name, index) = match text.split_once(':') {
            Some((name, index)) => (name, Some(index.parse().map_err(|_| unknown())?)),
            None => (text, None),
        };
        let gpu = GPUS.into_iter().find(|gpu| gpu.name() == name);
        match (name, gpu, index) {
            (_, Some(gpu), index) => Ok(Self::Gpu(gpu, index.unwrap_or(0))),
            ("auto", _, None) => Ok(Self::Auto),
            ("cpu" | "flex", _, None) => Ok(Self::Cpu),
            ("ndarray", _, None) => Ok(Self::Ndarray),
            ("list", _, None) => Ok(Self::List),
            _ => Err(unknown()),
        }
    }
}

impl fmt::Display for DeviceChoice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Auto => f.write_str("auto"),
            Self::Cpu => f.write_str("cpu"),
            Self::Ndarray => f.write_str("ndarray"),
            Self::List => f.write_str("list"),
            Self::Gpu(gpu, 0) => f.write_str(gpu.name()),
            Self::Gpu(gpu, index) => write!(f, "{}:{index}", gpu.name()),
        }
    }
}

/// What `work` gives, or what was said where it panics, on whatever thread: drivers that are missing
/// or fail show by a panic on a thread of their own, and the one that waits for it knows nothing.
pub(crate) fn said<T>(work: impl FnOnce() -> T) -> Result<T, String> {
    let words = Arc::new(Mutex::new(Vec::new()));
    let heard = words.clone();
    let hook = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        let payload = panic.payload();
        let text = payload.downcast_ref::<String>().map(String::as_str);
        let text = text.or_else(|| payload.downcast_ref::<&str>().copied());
        if let (Some(text), Ok(mut heard)) = (text, heard.lock()) {
            heard.push(text.trim().trim_end_matches('.').to_owned());
        }
    }));
    let result = catch_unwind(AssertUnwindSafe(work));
    std::panic::set_hook(hook);
    let first = || words.lock().ok()?.first().cloned();
    result.map_err(|_| first().unwrap_or_else(|| "it does not say why".to_owned()))
}

impl DeviceChoice {
    /// Opens the device.
    ///
    /// # Errors
    /// [`DeviceError::NotBuilt`] names the cargo feature to build with; [`DeviceError::Unusable`]
    /// has the driver's words.
    pub(crate) fn open(self) -> Result<OpenDevice, DeviceError> {
        match self {
            Self::Auto => Ok(card().map_or_else(cpu, |(_, card)| card)),
            Self::Cpu => Ok(cpu()),
            #[cfg(feature = "ndarray")]
            #[allow(deprecated, reason = "kept to compare with until burn drops it")]
            Self::Ndarray => Ok(OpenDevice::on_cpu("ndarray", Device::ndarray())),
            #[cfg(not(feature = "ndarray"))]
            Self::Ndarray => Err(DeviceError::NotBuilt("ndarray")),
            Self::Gpu(gpu, index) => gpu.open(index),
            Self::List => Err(DeviceError::Unknown("list".to_owned())),
        }
    }
}

fn cpu() -> OpenDevice {
    OpenDevice::on_cpu("cpu", Device::flex())
}

/// The first GPU that this build can open and that is a card, not a driver that computes on the CPU.
pub(crate) fn card() -> Option<(DeviceChoice, OpenDevice)> {
    GPUS.into_iter().find_map(|gpu| {
        let opened = gpu.open(0).ok().filter(|opened| opened.is_card)?;
        Some((DeviceChoice::Gpu(gpu, 0), opened))
    })
}

/// All devices that this build finds, a line each, and what it cannot look for.
pub(crate) fn list() -> String {
    let mut lines = vec![format!(
        "cpu       {} threads",
        rayon::current_num_threads()
    )];
    for gpu in GPUS {
        let name = gpu.name();
        if !gpu.is_built() {
            lines.push(format!("{name:<9} not in this build: --features {name}"));
            continue;
        }
        let found = said(|| gpu.devices().len()).unwrap_or_else(|reason| {
            lines.push(format!("{name:<9} {reason}"));
            0
        });
        if found == 0 {
            lines.push(format!("{name:<9} none found"));
        }
        for index in 0..found {
            let name = DeviceChoice::Gpu(gpu, index).to_string();
            lines.push(match gpu.open(index) {
                Ok(open) if open.is_card => format!("{name:<9} {}", open.hardware),
                Ok(open) => format!("{name:<9} {}, no card: computes on the CPU", open.hardware),
                Err(error) => format!("{name:<9} {error}"),
            });
        }
    }
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_device_that_panics_on_another_thread_is_an_error_with_its_words() {
        let waits = || {
            let driver = std::thread::spawn(|| panic!("no driver."));
            assert!(driver.join().is_ok(), "RecvError");
        };
        assert_eq!(said(waits).unwrap_err(), "no driver");
        assert!(said(Device::flex).is_ok());
    }

    #[test]
    fn a_device_this_build_lacks_names_the_feature_to_build_with() {
        let cuda = DeviceChoice::Gpu(Gpu::Cuda, 0);
        if !cfg!(feature = "cuda") {
            let message = cuda.open().unwrap_err().to_string();
            assert!(message.contains("--features cuda"), "{message}");
        }
        assert_eq!("cuda".parse(), Ok(cuda));
        let message = "tpu".parse::<DeviceChoice>().unwrap_err().to_string();
        assert!(message.contains("auto, cpu"), "{message}");
    }

    #[test]
    fn gpus_have_numbers() {
        for text in ["auto", "cpu", "ndarray", "cuda", "wgpu:1", "vulkan:12"] {
            let choice: DeviceChoice = text.parse().unwrap();
            assert_eq!(choice.to_string(), text);
        }
        assert_eq!("wgpu:0".parse(), Ok(DeviceChoice::Gpu(Gpu::Wgpu, 0)));
        for text in ["wgpu:", "wgpu:x", "wgpu:-1", "cpu:0", "auto:1", ""] {
            assert!(text.parse::<DeviceChoice>().is_err(), "{text}");
        }
    }
}
