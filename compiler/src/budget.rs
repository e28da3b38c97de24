//! What a compiled model may cost on a board.

use core::fmt;
use core::str::FromStr;

use thiserror::Error;

use super::boards::{BOARDS, Board};
use super::report::CostReport;

/// The most that a compiled model may cost: `flash=150k,ram=32k,ms=100@rp2350`. What is not said is
/// what the board has; the time has no limit then.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Budget {
    /// Bytes of the file.
    pub flash: u64,
    /// Bytes of scratch memory and of an image of 8-bit pixels.
    pub ram: u64,
    /// Milliseconds for an image, as estimated.
    pub milliseconds: Option<f64>,
    /// Where it is to run.
    pub board: Board,
}

/// Why a text is no budget.
#[derive(Clone, Debug, Error, PartialEq)]
pub enum BudgetError {
    /// No such board.
    #[error("there is no board \"{found}\": take one of {known}")]
    Board {
        /// What was written.
        found: String,
        /// All of them.
        known: String,
    },
    /// A part that is none of the three.
    #[error(
        "\"{found}\" is no part of a budget: write flash=150k,ram=32k,ms=100@rp2350, any of the three before the board"
    )]
    Part {
        /// What was written.
        found: String,
    },
}

impl FromStr for Budget {
    type Err = BudgetError;

    fn from_str(text: &str) -> Result<Self, BudgetError> {
        let (limits, id) = text.rsplit_once('@').unwrap_or(("", text));
        let board = BOARDS.into_iter().find(|board| board.id == id);
        let board = board.ok_or_else(|| BudgetError::Board {
            found: id.to_owned(),
            known: BOARDS.map(|board| board.id).join(", "),
        })?;
        let mut budget = Self {
            flash: board.flash,
            ram: board.ram,
            milliseconds: None,
            board,
        };
        for part in limits.split(',').filter(|part| !part.is_empty()) {
            let wrong = || BudgetError::Part {
                found: part.to_owned(),
            };
            let (name, value) = part.split_once('=').ok_or_else(wrong)?;
            match name {
                "flash" => budget.flash = bytes(value).ok_or_else(wrong)?,
                "ram" => budget.ram = bytes(value).ok_or_else(wrong)?,
                "ms" => {
                    let milliseconds = value.parse().ok();
                    let positive = milliseconds.filter(|ms: &f64| *ms > 0.0 && ms.is_finite());
                    budget.milliseconds = Some(positive.ok_or_else(wrong)?);
                }
                _ => return Err(wrong()),
            }
        }
        Ok(budget)
    }
}

/// Bytes of `150000`, `150k` (times 1024) or `1m`.
fn bytes(text: &str) -> Option<u64> {
    let (digits, unit) = match text.strip_suffix(['k', 'K']) {
        Some(digits) => (digits, 1 << 10),
        None => match text.strip_suffix(['m', 'M']) {
            Some(digits) => (digits, 1 << 20),
            None => (text, 1),
        },
    };
    let number: u64 = digits.parse().ok()?;
    number.checked_mul(unit).filter(|bytes| *bytes > 0)
}

impl Budget {
    /// What a model costs more than it may: a clause each, none where it fits.
    #[must_use]
    pub fn exceeded(&self, report: &CostReport) -> Vec<String> {
        let mut over = Vec::new();
        let sizes = [
            ("flash", report.flash, self.flash),
            ("RAM", report.ram(), self.ram),
        ];
        for (what, found, most) in sizes {
            if found > most {
                over.push(format!("{what} {found} bytes, at most {most}"));
            }
        }
        let time = report.milliseconds(&self.board);
        if let Some(most) = self.milliseconds.filter(|most| time > *most) {
            over.push(format!("about {time:.0} ms an image, at most {most}"));
        }
        over
    }
}

impl fmt::Display for Budget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "flash={},ram={}", self.flash, self.ram)?;
        if let Some(milliseconds) = self.milliseconds {
            write!(f, ",ms={milliseconds}")?;
        }
        write!(f, "@{}", self.board.id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report(flash: u64, scratch: u64) -> CostReport {
        CostReport {
            lines: Vec::new(),
            flash,
            scratch,
            rows_scratch: scratch,
            image: 1000,
        }
    }

    #[test]
    fn a_budget_is_the_boards_memory_and_what_is_said() {
        let whole: Budget = "rp2350".parse().unwrap();
        assert_eq!((whole.ram, whole.milliseconds), (520 << 10, None));
        let some: Budget = "flash=150k,ms=100@rp2040".parse().unwrap();
        let expected = (150 << 10, 264 << 10, Some(100.0));
        assert_eq!((some.flash, some.ram, some.milliseconds), expected);
        assert_eq!(some.to_string().parse(), Ok(some));
    }

    #[test]
    fn what_is_no_budget_is_refused_with_what_is_one() {
        for (text, expected) in [
            ("flash=1k", "no board"),
            ("@pico", "rp2040"),
            ("flash@rp2040", "flash=150k"),
            ("flash=0@rp2040", "flash=0"),
            ("flash=99999999999999999999k@rp2040", "any of the three"),
            ("ms=-1@rp2040", "ms=-1"),
            ("disk=1@rp2040", "disk=1"),
        ] {
            let error = text.parse::<Budget>().unwrap_err().to_string();
            assert!(error.contains(expected), "{text}: {error}");
        }
    }

    #[test]
    fn each_thing_that_is_too_much_is_named() {
        let budget: Budget = "flash=10k,ram=2k@rp2040".parse().unwrap();
        assert_eq!(budget.exceeded(&report(10 << 10, 1000)), [""; 0]);
        let over = budget.exceeded(&report(20_000, 3000));
        assert_eq!(
            over,
            [
                "flash 20000 bytes, at most 10240",
                "RAM 4000 bytes, at most 2048"
            ]
        );
    }
}
