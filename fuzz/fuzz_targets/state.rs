#![cfg_attr(fuzzing, no_main)]
//! See `dreamlet_fuzz::targets::state`.
dreamlet_fuzz::target!(state);
