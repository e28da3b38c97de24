#![cfg_attr(fuzzing, no_main)]
//! See `dreamlet_fuzz::targets::labels`.
dreamlet_fuzz::target!(labels);
