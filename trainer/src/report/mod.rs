//! Pictures for people: sheets of samples, files of them, and the terminal.

pub mod grid;
pub mod samples;
pub mod terminal;
