//! How long an image may take on some boards, from the number of multiplications alone.

/// A board's processor, and how fast layers are taken to run on it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Board {
    /// Processor and clock.
    pub name: &'static str,
    /// Clock, in millions of cycles a second.
    pub megahertz: f64,
    /// Cycles for each multiplication and addition of floats with everything around it: reading both numbers, loops, addresses.
    pub cycles: f64,
    /// The same of bytes.
    pub byte_cycles: f64,
}

/// Assumptions, not measurements: round numbers for plain loops over weights that lie in flash or memory. A Cortex-M0+ and an ESP32-C3 have no
/// floating-point unit, every multiplication and addition of floats is a call of some hundred instructions there. Of bytes, `scripts/test-firmware.sh`
/// counts 10.3 instructions each on the M0+ (models/pico), 6.6 on RV32IMC and 5.5 on the M4F.
pub const BOARDS: [Board; 6] = [
    Board {
        name: "Cortex-M0+, 133 MHz (RP2040)",
        megahertz: 133.0,
        cycles: 110.0,
        byte_cycles: 13.0,
    },
    Board {
        name: "RISC-V RV32IMC, 160 MHz (ESP32-C3)",
        megahertz: 160.0,
        cycles: 80.0,
        byte_cycles: 8.0,
    },
    Board {
        name: "Cortex-M4F, 168 MHz (STM32F407)",
        megahertz: 168.0,
        cycles: 6.0,
        byte_cycles: 7.0,
    },
    Board {
        name: "Cortex-M7, 480 MHz (STM32H743)",
        megahertz: 480.0,
        cycles: 3.0,
        byte_cycles: 4.0,
    },
    Board {
        name: "Cortex-A53, 1.0 GHz (Raspberry Pi Zero 2 W)",
        megahertz: 1000.0,
        cycles: 0.5,
        byte_cycles: 0.5,
    },
    Board {
        name: "Cortex-A72, 1.8 GHz (Raspberry Pi 4)",
        megahertz: 1800.0,
        cycles: 0.3,
        byte_cycles: 0.3,
    },
];

impl Board {
    /// Milliseconds for so many multiplications of floats and of bytes.
    #[must_use]
    pub fn milliseconds(&self, floats: u64, bytes: u64) -> f64 {
        let cycles = floats as f64 * self.cycles + bytes as f64 * self.byte_cycles;
        cycles / (self.megahertz * 1000.0)
    }
}
