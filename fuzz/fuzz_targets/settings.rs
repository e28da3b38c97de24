#![cfg_attr(fuzzing, no_main)]
//! See `dreamlet_fuzz::targets::settings`.
dreamlet_fuzz::target!(settings);
