//! What each fuzz target does with its input. `scripts/fuzz.sh` builds and runs them.
//!
//! Under `--cfg fuzzing` a target is a libFuzzer program. Without it the same target is a program
//! that takes files, so that an input can be looked at in a debugger, under Miri or on another
//! processor: `cargo run --bin dream -- FILE...`.

#[cfg(fuzzing)]
mod c;
mod layers;
pub mod targets;
#[cfg(feature = "trainer")]
mod trainer;

/// The whole of a fuzz target's file: what the input is given to.
#[macro_export]
macro_rules! target {
    ($name:ident) => {
        #[cfg(fuzzing)]
        libfuzzer_sys::fuzz_target!(|data: &[u8]| $crate::targets::$name(data));

        #[cfg(not(fuzzing))]
        fn main() -> std::io::Result<()> {
            $crate::replay($crate::targets::$name)
        }
    };
}

/// Gives the files that the command line names to a target.
///
/// # Errors
/// A file that cannot be read.
pub fn replay(target: fn(&[u8])) -> std::io::Result<()> {
    for path in std::env::args_os().skip(1) {
        target(&std::fs::read(&path)?);
    }
    Ok(())
}
