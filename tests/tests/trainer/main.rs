//! What needs the trainer, on the host only.
#![cfg(test)]

mod documents;
mod presets;
mod sample;
