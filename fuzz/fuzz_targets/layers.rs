#![cfg_attr(fuzzing, no_main)]
//! See `dreamlet_fuzz::targets::layers`.
dreamlet_fuzz::target!(layers);
