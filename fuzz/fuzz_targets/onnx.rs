#![cfg_attr(fuzzing, no_main)]
//! See `dreamlet_fuzz::targets::onnx`.
dreamlet_fuzz::target!(onnx);
