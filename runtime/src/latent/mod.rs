//! Seed to latent vector: the contract that makes a seed the same image everywhere, for ever.
//!
//! # The contract
//! 1. **Words.** ChaCha with 8 rounds and a 64-bit block counter that starts at 0. The 32-byte key
//!    is the seed (`u64`, little-endian, bytes 0..8), an ASCII domain tag padded with zeros (bytes
//!    8..24) and a step (`u64`, little-endian, bytes 24..32; 0 for latents). The 64-bit nonce is a
//!    stream number (little-endian; 0 for latents). Words are read in order, little-endian.
//! 2. **Uniforms.** `u = ((word >> 8) + 1) / 2^24`, in (0, 1], exact in `f32`.
//! 3. **Normals.** Two uniforms make two normals: `r = sqrt(-2 ln u1)`, `z1 = r cos(2 pi u2)`,
//!    `z2 = r sin(2 pi u2)`, computed in `f64` and rounded once to `f32` (Box and Muller, "A note
//!    on the generation of random normal deviates", 1958, eq. 1).
//! 4. **Truncation** at `t` draws a component again while `|x| > t` (the "truncation trick", Brock
//!    et al., "Large scale GAN training", 2019, sec. 3.1). Below `t = 1/64`, where the normal
//!    density is flat to within 0.013 %, the component is `t (2u - 1)` instead, which bounds the
//!    work. `t <= 0` or NaN gives zeros.
//! 5. **Uniform latents** are `2u - 1`, in (-1, 1]; truncation multiplies them by `min(t, 1)`.
//!
//! The domain tag is `dreamlet.normal` for normal latents and `dreamlet.uniform` for uniform ones.
//! Because the arithmetic is `f64` from `libm` and only then rounded, another implementation with
//! an accurate `log`, `sin` and `cos` gives the same bits too, but for about one number in 2^28.
//!
//! | seed | first four normal latents, as bits |
//! | --- | --- |
//! | 0 | `3fd336cc bf3557ce 3cfa6014 3e8e92a1` |
//! | 1 | `3e7b8608 3f60fae3 3f438323 4030290a` |
//! | 42 | `3c363c1b 400da03e be640d03 bd21d698` |
//! | 18446744073709551615 | `beebda0d 3f9351af bdf2c4f7 3eda41b2` |
//!
//! Also at seed 42: normal latents truncated at 0.7 begin `3c363c1b be640d03 bd21d698 be839c3f`,
//! uniform latents `3f0cfa90 3eeea17c bf66344e 3f5bb308`.
//!
//! ```
//! let mut latent = [0.0f32; 64];
//! dreamlet_runtime::latent::fill_normal(42, Some(0.7), &mut latent);
//! assert!(latent.iter().all(|x| x.abs() <= 0.7));
//! ```

mod fill;
mod interpolate;
mod stream;
mod walk;

pub use fill::{Distribution, NORMAL_DOMAIN, UNIFORM_DOMAIN, fill_normal, fill_uniform};
pub use interpolate::{LengthMismatch, lerp, slerp};
pub use stream::{MAX_DOMAIN_LEN, Stream};
pub use walk::{Walk, WalkError};
