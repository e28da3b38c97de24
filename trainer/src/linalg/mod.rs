//! Symmetric matrices in double precision: factors, products and eigenvalues.
//!
//! The crates that have this bring two dozen others along and change how the rest is built, for one
//! decomposition of a matrix as wide as a layer. No result depends on the number of threads.

mod eigen;
mod root;
mod square;
#[cfg(test)]
mod tests;

pub(crate) use root::trace_of_root;
pub(crate) use square::{Square, add_scaled, dot};
