//! `goldens MODEL.dream...` writes the golden file beside each compiled model. Images change only with the model: a golden file that
//! changes otherwise shows a defect.

use std::error::Error;
use std::path::Path;

use dreamlet_runtime::engine::compiled::SimdLevel;
use dreamlet_tests::compiled::{Aligned, golden, image, is_exact};

const SEEDS: [u64; 8] = [0, 1, 2, 3, 4, 5, 42, u64::MAX];

fn write(model: &Path) -> Result<(), Box<dyn Error>> {
    let file = Aligned::new(&std::fs::read(model)?);
    let exact = is_exact(file.get()).map_err(|failure| format!("{failure:?}"))?;
    let mut text = String::from(if exact {
        "# Seed, and 64-bit FNV-1a of the image's bytes: rows from the top, channels side by side.\n"
    } else {
        "# Seed, and the image's bytes: rows from the top, channels side by side. Other processors may differ by 2.\n"
    });
    for seed in SEEDS {
        let bytes = image(file.get(), SimdLevel::SCALAR, seed)
            .map_err(|failure| format!("{}: {failure:?}", model.display()))?;
        text += &format!("{seed} {}\n", golden(&bytes, exact));
    }
    std::fs::write(model.with_extension("golden"), text)?;
    Ok(())
}

fn main() -> Result<(), Box<dyn Error>> {
    for model in std::env::args().skip(1) {
        write(Path::new(&model))?;
    }
    Ok(())
}
