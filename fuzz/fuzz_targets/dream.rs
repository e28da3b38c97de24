#![cfg_attr(fuzzing, no_main)]
//! See `dreamlet_fuzz::targets::dream`.
dreamlet_fuzz::target!(dream);
