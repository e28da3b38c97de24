#![cfg_attr(fuzzing, no_main)]
//! See `dreamlet_fuzz::targets::images`.
dreamlet_fuzz::target!(images);
