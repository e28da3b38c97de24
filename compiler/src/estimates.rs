//! How long an image may take on some boards, from the number of multiplications alone.

/// A board's processor, and how fast layers are taken to run on it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Board {
    /// Processor and clock.
    pub name: &'static str,
    /// Clock, in millions of cycles a second.
    pub megahertz: f64,
    /// Cycles for each multiplication and addition of an f32 layer with everything around it:
    /// reading both elements, loops, addresses.
    pub cycles: f64,
    /// The same of an int8 layer.
    pub int8_cycles: f64,
}

/// Assumptions, not measurements: round numbers for plain loops over weights in flash or memory.
///
/// A Cortex-M0+ and an ESP32-C3 have no floating-point unit. Every multiplication and addition of
/// f32 layers is a call of some hundred instructions there. Of int8 layers,
/// `scripts/test-firmware.sh` counts 10.3 instructions each on the M0+ (models/pico), 6.6 on
/// RV32IMC and 5.5 on the M4F.
pub const BOARDS: [Board; 6] = [
    Board {
        name: "Cortex-M0+, 133 MHz (RP2040)",
        megahertz: 133.0,
        cycles: 110.0,
        int8_cycles: 13.0,
    },
    Board {
        name: "RISC-V RV32IMC, 160 MHz (ESP32-C3)",
        megahertz: 160.0,
        cycles: 80.0,
        int8_cycles: 8.0,
    },
    Board {
        name: "Cortex-M4F, 168 MHz (STM32F407)",
        megahertz: 168.0,
        cycles: 6.0,
        int8_cycles: 7.0,
    },
    Board {
        name: "Cortex-M7, 480 MHz (STM32H743)",
        megahertz: 480.0,
        cycles: 3.0,
        int8_cycles: 4.0,
    },
    Board {
        name: "Cortex-A53, 1.0 GHz (Raspberry Pi Zero 2 W)",
        megahertz: 1000.0,
        cycles: 0.5,
        int8_cycles: 0.5,
    },
    Board {
        name: "Cortex-A72, 1.8 GHz (Raspberry Pi 4)",
        megahertz: 1800.0,
        cycles: 0.3,
        int8_cycles: 0.3,
    },
];

impl Board {
    /// Milliseconds for so many multiplications of f32 and of int8 layers.
    #[must_use]
    pub fn milliseconds(&self, f32: u64, int8: u64) -> f64 {
        let cycles = f32 as f64 * self.cycles + int8 as f64 * self.int8_cycles;
        cycles / (self.megahertz * 1000.0)
    }
}
