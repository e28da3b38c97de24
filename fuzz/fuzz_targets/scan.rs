#![cfg_attr(fuzzing, no_main)]
//! See `dreamlet_fuzz::targets::scan`.
dreamlet_fuzz::target!(scan);
