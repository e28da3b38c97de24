//! The runtime from outside, here and on ARM under an emulator. One program: each one more links
//! tract anew.
#![cfg(test)]

mod compiled;
mod draw;
mod generator;
mod hostile;
mod image;
mod latent;
mod models;
