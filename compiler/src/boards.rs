//! Boards that models are made for: what memory they have, and how long an image may take on them
//! by the number of multiplications alone.

/// A board, and how fast layers are taken to run on it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Board {
    /// What a budget calls it.
    pub id: &'static str,
    /// Processor, clock, chip.
    pub name: &'static str,
    /// Clock, in millions of cycles a second.
    pub megahertz: f64,
    /// Cycles for each multiplication and addition of an f32 layer with everything around it:
    /// reading both elements, loops, addresses.
    pub cycles: f64,
    /// The same of an int8 layer.
    pub int8_cycles: f64,
    /// Bytes of flash memory, on the chip or on its usual board.
    pub flash: u64,
    /// Bytes of RAM.
    pub ram: u64,
    /// The document that clock and memory are from.
    pub source: &'static str,
}

const KIB: u64 = 1 << 10;
const MIB: u64 = 1 << 20;

/// Clock and memory are from the documents named. Cycles are assumptions, not measurements: round
/// numbers for plain loops over weights in flash or memory.
///
/// A Cortex-M0+ and an ESP32-C3 have no floating-point unit. Every multiplication and addition of
/// f32 layers is a call of some hundred instructions there. Of int8 layers,
/// `scripts/test-firmware.sh` counts 10.3 instructions each on the M0+ (models/pico), 6.6 on
/// RV32IMC and 5.5 on the M4F.
pub const BOARDS: [Board; 8] = [
    Board {
        id: "rp2040",
        name: "Cortex-M0+, 133 MHz (RP2040)",
        megahertz: 133.0,
        cycles: 110.0,
        int8_cycles: 13.0,
        flash: 2 * MIB,
        ram: 264 * KIB,
        source: "Raspberry Pi Pico Datasheet, chapter 1",
    },
    Board {
        id: "rp2350",
        name: "Cortex-M33, 150 MHz (RP2350)",
        megahertz: 150.0,
        cycles: 6.0,
        int8_cycles: 7.0,
        flash: 4 * MIB,
        ram: 520 * KIB,
        source: "Raspberry Pi Pico 2 Datasheet, chapter 1",
    },
    Board {
        id: "esp32-c3",
        name: "RISC-V RV32IMC, 160 MHz (ESP32-C3)",
        megahertz: 160.0,
        cycles: 80.0,
        int8_cycles: 8.0,
        flash: 4 * MIB,
        ram: 400 * KIB,
        source: "ESP32-C3 Series Datasheet, chapter 4",
    },
    Board {
        id: "nrf52840",
        name: "Cortex-M4F, 64 MHz (nRF52840)",
        megahertz: 64.0,
        cycles: 6.0,
        int8_cycles: 7.0,
        flash: MIB,
        ram: 256 * KIB,
        source: "nRF52840 Product Specification, section 4.2",
    },
    Board {
        id: "stm32f407",
        name: "Cortex-M4F, 168 MHz (STM32F407)",
        megahertz: 168.0,
        cycles: 6.0,
        int8_cycles: 7.0,
        flash: MIB,
        ram: 192 * KIB,
        source: "STM32F405xx STM32F407xx data sheet DS8626",
    },
    Board {
        id: "stm32h743",
        name: "Cortex-M7, 480 MHz (STM32H743)",
        megahertz: 480.0,
        cycles: 3.0,
        int8_cycles: 4.0,
        flash: 2 * MIB,
        ram: MIB,
        source: "STM32H742xI/G STM32H743xI/G data sheet DS12110",
    },
    Board {
        id: "pi-zero-2w",
        name: "Cortex-A53, 1.0 GHz (Raspberry Pi Zero 2 W)",
        megahertz: 1000.0,
        cycles: 0.5,
        int8_cycles: 0.5,
        flash: 1 << 30,
        ram: 512 * MIB,
        source: "Raspberry Pi Zero 2 W product brief; flash: a card of 1 GB or more",
    },
    Board {
        id: "pi-4",
        name: "Cortex-A72, 1.8 GHz (Raspberry Pi 4)",
        megahertz: 1800.0,
        cycles: 0.3,
        int8_cycles: 0.3,
        flash: 1 << 30,
        ram: 1 << 30,
        source: "Raspberry Pi 4 Model B product brief; flash: a card of 1 GB or more",
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
