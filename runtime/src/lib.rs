//! Sample small image generators on small machines.
#![no_std]
#[cfg(feature = "alloc")]
extern crate alloc;
#[cfg(feature = "std")]
extern crate std;

#[cfg(feature = "alloc")]
pub mod card;
pub mod generator;
pub mod image;
pub mod latent;
