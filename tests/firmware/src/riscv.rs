//! QEMU's `virt` machine with a 32-bit RISC-V processor: output by its UART, exit by its test
//! device.

use core::arch::asm;
use core::ptr::{addr_of, addr_of_mut, read_volatile, write_volatile};

use firmware::{Machine, Memory, Print};
use riscv_rt::entry;

const UART: *mut u8 = 0x1000_0000 as *mut u8;
/// The device that ends the emulator (SiFive's test finisher).
const FINISHER: *mut u32 = 0x0010_0000 as *mut u32;
const PASS: u32 = 0x5555;
const FAIL: u32 = 0x0001_3333;
const PAINT: u32 = 0xCCCC_CCCC;
/// Bytes of stack that are painted: enough, or the peak is this number.
const PAINTED: usize = 64 * 1024;

unsafe extern "C" {
    static _stack_start: u32;
}

struct Board;

impl Board {
    fn exit(self, success: bool) -> ! {
        // SAFETY: the device's register.
        unsafe { write_volatile(FINISHER, if success { PASS } else { FAIL }) };
        loop {}
    }

    fn painted() -> *mut u32 {
        (addr_of!(_stack_start) as usize - PAINTED) as *mut u32
    }

    /// Fills the stack below what is in use.
    fn paint_stack() {
        let here: usize;
        // SAFETY: only reads the stack pointer.
        unsafe { asm!("mv {}, sp", out(reg) here) };
        let mut word = Self::painted();
        // A little room for this function itself.
        while (word as usize) < here - 64 {
            // SAFETY: memory of the stack below the stack pointer, which nothing uses.
            unsafe { write_volatile(word, PAINT) };
            word = word.wrapping_add(1);
        }
    }
}

impl Print for Board {
    fn print(&mut self, text: &str) {
        for byte in text.bytes() {
            // SAFETY: the UART's register for a byte to send; the emulated one is always ready.
            unsafe { write_volatile(UART, byte) };
        }
    }
}

impl Machine for Board {
    fn instructions(&mut self) -> u32 {
        let count: u32;
        // SAFETY: only reads the counter of instructions.
        unsafe { asm!("csrr {}, minstret", out(reg) count) };
        count
    }

    fn stack_peak(&mut self) -> u32 {
        let mut unused = Self::painted().cast_const();
        // SAFETY: memory of the stack, painted before.
        while unsafe { read_volatile(unused) } == PAINT {
            unused = unused.wrapping_add(1);
        }
        (addr_of!(_stack_start) as usize - unused as usize) as u32
    }
}

#[entry]
fn main() -> ! {
    static mut MEMORY: Memory = Memory::ZERO;
    Board::paint_stack();
    let mut board = Board;
    // SAFETY: `main` runs once, nothing else knows of the memory.
    let memory = unsafe { &mut *addr_of_mut!(MEMORY) };
    let right = firmware::check(memory, &mut board);
    board.exit(right)
}
