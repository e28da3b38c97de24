#![cfg_attr(fuzzing, no_main)]
//! See `dreamlet_fuzz::targets::compile`.
dreamlet_fuzz::target!(compile);
