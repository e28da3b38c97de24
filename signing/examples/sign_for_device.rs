//! A compiled model with a signature in it, and the key that verifies it: what `dreamlet keygen` and
//! `dreamlet sign --embed` do, with a key that nobody keeps. For the tests of firmwares.
//!
//! ```text
//! sign_for_device MODEL.dream SIGNED.dream KEY.pub.bin
//! ```

use std::error::Error;
use std::fs;

use dreamlet_signing::{SigningKey, sign_for_device};

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [model, signed, public] = arguments.as_slice() else {
        return Err("sign_for_device MODEL.dream SIGNED.dream KEY.pub.bin".into());
    };
    let key = SigningKey::generate()?;
    fs::write(signed, sign_for_device(&fs::read(model)?, &key)?)?;
    fs::write(public, key.verifying_key().to_device()?)?;
    Ok(())
}
