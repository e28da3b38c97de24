//! The same for WebAssembly: `run.mjs` calls `check` in node.
#![no_std]

use core::panic::PanicInfo;
use core::ptr::addr_of_mut;

use firmware::{Machine, Memory, Print};

// What the module imports. With a way into a panic there is a second import, which node does not
// have.
#[link(wasm_import_module = "env")]
unsafe extern "C" {
    fn print(text: *const u8, len: usize);
    safe fn dreamlet_runtime_must_not_panic() -> !;
}

struct NodeMachine;

impl Print for NodeMachine {
    fn print(&mut self, text: &str) {
        // SAFETY: node only reads the text.
        unsafe { print(text.as_ptr(), text.len()) }
    }
}

impl Machine for NodeMachine {}

/// Whether every golden image is right.
#[unsafe(no_mangle)]
extern "C" fn check() -> bool {
    static mut MEMORY: Memory = Memory::ZERO;
    // SAFETY: node calls this once, nothing else knows of the memory.
    let memory = unsafe { &mut *addr_of_mut!(MEMORY) };
    firmware::check(memory, &mut NodeMachine)
}

#[panic_handler]
fn panic(_: &PanicInfo<'_>) -> ! {
    dreamlet_runtime_must_not_panic()
}
