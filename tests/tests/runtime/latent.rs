//! The seed contract: the same bits on every target. The hashes are published; they never change.

use dreamlet_runtime::latent::{Distribution, Walk, fill_normal, fill_uniform, lerp, slerp};
use dreamlet_tests::hash_of_bits;

/// Latents of 1,000 seeds, 97 numbers each, one after the other.
fn many(fill: impl Fn(u64, &mut [f32])) -> Vec<f32> {
    let mut all = vec![0.0; 97_000];
    for (i, out) in all.chunks_exact_mut(97).enumerate() {
        // Seeds from the whole range, not only small ones.
        fill((i as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15), out);
    }
    all
}

#[test]
fn normal_latents_have_the_published_bits() {
    let all = many(|seed, out| fill_normal(seed, None, out));
    assert_eq!(
        hash_of_bits(&all),
        "ff2d12480f0a729482250def687d7d81d87e09c502dd0c300e430b8eedb4ae69"
    );
}

#[test]
fn truncated_latents_have_the_published_bits() {
    let all = many(|seed, out| fill_normal(seed, Some(0.7), out));
    assert_eq!(
        hash_of_bits(&all),
        "0195b6b6d1df79b232704c86bdc9abd079bc6616529aa3b2c85459f3e876bdb1"
    );
}

#[test]
fn uniform_latents_have_the_published_bits() {
    let all = many(|seed, out| fill_uniform(seed, None, out));
    assert_eq!(
        hash_of_bits(&all),
        "9908091fab00364f11cd04d23bd7f9ef1eeacc503f89dc75225b0740cf377ad7"
    );
}

#[test]
fn interpolations_have_the_published_bits() {
    let (mut a, mut b) = ([0.0; 64], [0.0; 64]);
    fill_normal(1, None, &mut a);
    fill_normal(2, None, &mut b);
    let mut all = Vec::new();
    for i in 0..=20 {
        for way in [lerp, slerp] {
            let mut point = [0.0; 64];
            way(&a, &b, i as f32 / 20.0, &mut point).unwrap();
            all.extend(point);
        }
    }
    assert_eq!(
        hash_of_bits(&all),
        "6abe336fcda94cbe549a272624353bd0a859073cffb4230e3fe52d93ee9357b9"
    );
}

#[test]
fn walks_have_the_published_bits() {
    let mut all = Vec::new();
    for distribution in [Distribution::Normal, Distribution::Uniform] {
        let mut keys = [0.0; 256];
        let mut walk = Walk::new(distribution, 5, 11, Some(0.9), 64, &mut keys).unwrap();
        for _ in 0..40 {
            let mut point = [0.0; 64];
            walk.next_into(&mut point).unwrap();
            all.extend(point);
        }
    }
    assert_eq!(
        hash_of_bits(&all),
        "b660ea46b59de659385f103cd43a78727c0fd9338b355af1b7e439204da2fea4"
    );
}
