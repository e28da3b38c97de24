#![cfg_attr(fuzzing, no_main)]
//! See `dreamlet_fuzz::targets::idx`.
dreamlet_fuzz::target!(idx);
