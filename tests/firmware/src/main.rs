//! The program of a microcontroller: checks every golden image, prints what it cost, and ends the
//! emulator with success or failure.
#![no_std]
#![no_main]

#[cfg(target_arch = "arm")]
mod cortex_m;
#[cfg(target_arch = "riscv32")]
mod riscv;

use core::panic::PanicInfo;

// Defined nowhere: a program in which the engine can panic does not link. With feature `panics` it
// does, to look for the callers of `core::panicking` in it.
#[cfg(not(feature = "panics"))]
unsafe extern "C" {
    safe fn dreamlet_runtime_must_not_panic() -> !;
}

#[cfg(feature = "panics")]
#[inline(never)]
fn dreamlet_runtime_must_not_panic() -> ! {
    loop {}
}

#[panic_handler]
fn panic(_: &PanicInfo<'_>) -> ! {
    dreamlet_runtime_must_not_panic()
}
