#![cfg_attr(fuzzing, no_main)]
//! See `dreamlet_fuzz::targets::card`.
dreamlet_fuzz::target!(card);
