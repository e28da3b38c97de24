//! QEMU's MPS2 boards, with a Cortex-M3 or M4F: output and exit by semihosting.

use core::ptr::{addr_of, read_volatile, write_volatile};

use cortex_m_rt::{ExceptionFrame, STACK_PAINT_VALUE, entry, exception};
use cortex_m_semihosting::{debug, hio};
use firmware::{Machine, Memory, Print};

/// Registers of the board's first timer (Arm's CMSDK timer), which counts down at 25 MHz.
const TIMER_CONTROL: *mut u32 = 0x4000_0000 as *mut u32;
const TIMER_VALUE: *mut u32 = 0x4000_0004 as *mut u32;
const TIMER_RELOAD: *mut u32 = 0x4000_0008 as *mut u32;
/// Nanoseconds of a tick of the timer, and of an instruction: QEMU is run with `-icount shift=8`.
const TICK: u64 = 40;
const INSTRUCTION: u64 = 256;

unsafe extern "C" {
    static _stack_start: u32;
    static _stack_end: u32;
}

struct Board;

impl Board {
    fn new() -> Self {
        // SAFETY: these are the timer's registers, and nothing else uses it.
        unsafe {
            write_volatile(TIMER_RELOAD, u32::MAX);
            write_volatile(TIMER_VALUE, u32::MAX);
            write_volatile(TIMER_CONTROL, 1);
        }
        Self
    }

    fn exit(self, success: bool) -> ! {
        debug::exit(if success {
            debug::EXIT_SUCCESS
        } else {
            debug::EXIT_FAILURE
        });
        loop {}
    }
}

impl Print for Board {
    fn print(&mut self, text: &str) {
        if let Ok(mut stream) = hio::hstdout() {
            let _ = stream.write_all(text.as_bytes());
        }
    }
}

impl Machine for Board {
    fn instructions(&mut self) -> u32 {
        // SAFETY: as in `new`.
        let ticks = u32::MAX - unsafe { read_volatile(TIMER_VALUE) };
        (u64::from(ticks) * TICK / INSTRUCTION) as u32
    }

    fn stack_peak(&mut self) -> u32 {
        let begin = addr_of!(_stack_start) as usize;
        let mut unused = addr_of!(_stack_end);
        // SAFETY: from the stack's end to its begin all is memory, painted before `main`.
        while (unused as usize) < begin && unsafe { read_volatile(unused) } == STACK_PAINT_VALUE {
            unused = unused.wrapping_add(1);
        }
        (begin - unused as usize) as u32
    }
}

#[entry]
fn main() -> ! {
    static mut MEMORY: Memory = Memory::ZERO;
    let mut board = Board::new();
    let right = firmware::check(MEMORY, &mut board);
    board.exit(right)
}

#[exception]
unsafe fn HardFault(frame: &ExceptionFrame) -> ! {
    let mut board = Board;
    board.line("hard fault at", frame.pc().into());
    board.exit(false)
}
