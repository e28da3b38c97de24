//! A compiled generator in flash, and the images that it must make: what every machine runs.
//!
//! Nothing here formats text with `core::fmt`, so that the program's size is that of the engine,
//! and so that any way into a panic in the linked program is one of the engine.
#![no_std]

#[cfg(feature = "draw")]
mod draw;
mod print;
#[cfg(feature = "signed")]
mod signed;

#[cfg(feature = "signed")]
use dreamlet_runtime::Model;
use dreamlet_runtime::{Engine, ModelFile, include_model};

pub use print::Print;

/// The compiled model.
const MODEL: ModelFile = include_model!(env!("FIRMWARE_MODEL_FILE"));
/// By how much a pixel of an f32 model may differ: other processors round sums otherwise.
const LEVELS: u8 = 2;

/// What the image of a seed must be.
pub struct Golden {
    pub seed: u64,
    pub image: Expected,
}

/// An image, rows from the top, channels side by side.
pub enum Expected {
    /// 64-bit FNV-1a of its bytes: nothing may differ.
    Hash(u64),
    /// Its bytes, of a model that computes in f32.
    Bytes(&'static [u8]),
}

include!(concat!(env!("OUT_DIR"), "/goldens.rs"));

/// Memory of the engine.
pub struct Memory {
    latent: [f32; MODEL.latent_len()],
    scratch: [u8; MODEL.rows_scratch_len()],
    #[cfg(feature = "draw")]
    image: [u8; MODEL.image_len()],
    #[cfg(feature = "signed")]
    changed: signed::Copy,
}

impl Memory {
    /// For a static.
    pub const ZERO: Self = Self {
        latent: [0.0; MODEL.latent_len()],
        scratch: [0; MODEL.rows_scratch_len()],
        #[cfg(feature = "draw")]
        image: [0; MODEL.image_len()],
        #[cfg(feature = "signed")]
        changed: signed::Copy::ZERO,
    };
}

/// What a machine can do for the program.
pub trait Machine: Print {
    /// Instructions that have run so far, modulo 2^32; 0 where nothing counts them.
    fn instructions(&mut self) -> u32 {
        0
    }

    /// Most bytes of the stack that have been in use; 0 where nothing tells.
    fn stack_peak(&mut self) -> u32 {
        0
    }
}

/// Makes the image of every golden seed, compares, and prints what it cost. `false` if anything
/// differs.
#[inline(never)]
pub fn check(memory: &mut Memory, machine: &mut impl Machine) -> bool {
    #[cfg(not(feature = "signed"))]
    let model = MODEL.model().ok();
    #[cfg(feature = "signed")]
    let model = verified(memory, machine);
    let Some(model) = model else {
        machine.print("the model is refused\n");
        return false;
    };
    let engine = Engine::new(model);
    machine.line("model bytes", MODEL.bytes().len() as u64);
    machine.line("scratch bytes", memory.scratch.len() as u64);
    let (mut right, mut most) = (true, 0);
    for golden in GOLDENS {
        let begin = machine.instructions();
        let difference = one(&engine, golden, memory);
        let instructions = machine.instructions().wrapping_sub(begin);
        most = instructions.max(most);
        match difference {
            Some(0) => {}
            Some(levels) if levels <= LEVELS && matches!(golden.image, Expected::Bytes(_)) => {}
            _ => {
                machine.line("WRONG image of seed", golden.seed);
                right = false;
            }
        }
    }
    machine.line("images", GOLDENS.len() as u64);
    #[cfg(feature = "draw")]
    match draw(&engine, memory, machine) {
        Some(instructions) => machine.line("instructions to draw", instructions.into()),
        None => {
            machine.print("the image is not drawn\n");
            right = false;
        }
    }
    if let (1.., stack @ 1..) = (most, machine.stack_peak()) {
        machine.line("instructions an image, at most", most.into());
        machine.line("peak stack bytes", stack.into());
    }
    right && !GOLDENS.is_empty()
}

/// The model, after its signature was found right and that of a changed one was not.
#[cfg(feature = "signed")]
fn verified(memory: &mut Memory, machine: &mut impl Machine) -> Option<Model<'static>> {
    let begin = machine.instructions();
    let model = signed::model()?;
    let instructions = machine.instructions().wrapping_sub(begin);
    if instructions > 0 {
        machine.line("instructions to verify", instructions.into());
    }
    signed::refuses_a_changed_one(&mut memory.changed)?;
    machine.print("a changed model is refused\n");
    Some(model)
}

/// The largest difference of a pixel from the golden one; `None` if there is no image, or no more
/// can be said than that it is another one.
fn one(engine: &Engine<'_>, golden: &Golden, memory: &mut Memory) -> Option<u8> {
    let model = engine.model();
    let latent = memory.latent.get_mut(..model.latent_len())?;
    model.distribution().fill(golden.seed, None, latent);
    let class = (model.classes() > 0).then(|| (golden.seed % model.classes() as u64) as usize);
    let mut hash = FNV_BASIS;
    let (mut worst, mut pixels) = (0, 0);
    engine
        .generate_rows(latent, class, &mut memory.scratch, |row, bytes| {
            hash = fnv(hash, bytes);
            pixels += bytes.len();
            if let Expected::Bytes(expected) = golden.image {
                let expected = expected.iter().skip(row * bytes.len());
                for (found, expected) in bytes.iter().zip(expected) {
                    worst = found.abs_diff(*expected).max(worst);
                }
            }
        })
        .ok()?;
    match golden.image {
        Expected::Hash(expected) => (hash == expected).then_some(0),
        Expected::Bytes(expected) => (pixels == expected.len()).then_some(worst),
    }
}

/// Makes the first golden image and draws it; the instructions of the latter.
#[cfg(feature = "draw")]
fn draw(engine: &Engine<'_>, memory: &mut Memory, machine: &mut impl Machine) -> Option<u32> {
    let model = engine.model();
    let seed = GOLDENS.first()?.seed;
    model.distribution().fill(seed, None, &mut memory.latent);
    let class = (model.classes() > 0).then(|| (seed % model.classes() as u64) as usize);
    engine
        .generate_u8(
            &memory.latent,
            class,
            &mut memory.scratch,
            &mut memory.image,
        )
        .ok()?;
    draw::instructions_to_draw(&memory.image, model.shape(), || machine.instructions())
}

const FNV_BASIS: u64 = 0xcbf2_9ce4_8422_2325;

/// 64-bit FNV-1a (Fowler, Noll, Vo, "The FNV non-cryptographic hash algorithm", 1991), with more
/// bytes after those of `hash`.
fn fnv(hash: u64, bytes: &[u8]) -> u64 {
    bytes.iter().fold(hash, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x100_0000_01b3)
    })
}
