//! The program `dreamlet-frame`: images of a small generator on a display, one after another, for
//! months.
//!
//! ```text
//! seed ─► run::series ─► model ─► picture: fit, turn, ink ─► canvas ─► display
//!         └───────────── the maker's thread ──────────────┘          └ the main thread
//! ```
//!
//! It is a library besides, so that its tests can put a display of their own in.

pub mod check;
pub mod display;
pub mod model;
pub mod options;
pub mod panel;
pub mod picture;
pub mod program;
pub mod run;
