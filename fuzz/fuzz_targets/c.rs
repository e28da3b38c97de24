#![cfg_attr(fuzzing, no_main)]
//! See `dreamlet_fuzz::targets::c`.
dreamlet_fuzz::target!(c);
