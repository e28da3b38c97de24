//! Colours for grey images.

/// Colours for the greys from black to white: some of them, evenly spaced, and what lies between.
///
/// ```
/// use dreamlet_runtime::draw::ColorMap;
/// const FIRE: ColorMap = ColorMap::new(&[[0, 0, 0], [200, 40, 0], [255, 230, 120]]);
/// assert_eq!(FIRE.rgb(0), [0, 0, 0]);
/// assert_eq!(FIRE.rgb(255), [255, 230, 120]);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ColorMap(&'static [[u8; 3]]);

impl ColorMap {
    /// matplotlib's default: even in brightness, and for the colour-blind too (Smith and van der
    /// Walt, "A Better Default Colormap for Matplotlib", 2015).
    pub const VIRIDIS: Self = Self::new(&[
        [0x44, 0x01, 0x54],
        [0x47, 0x2d, 0x7b],
        [0x3b, 0x52, 0x8b],
        [0x2c, 0x72, 0x8e],
        [0x21, 0x91, 0x8c],
        [0x28, 0xae, 0x80],
        [0x5e, 0xc9, 0x62],
        [0xad, 0xdc, 0x30],
        [0xfd, 0xe7, 0x25],
    ]);
    /// The phosphor of an amber screen.
    pub const AMBER: Self = Self::new(&[
        [0x00, 0x00, 0x00],
        [0x40, 0x24, 0x00],
        [0x8c, 0x55, 0x00],
        [0xd8, 0x8c, 0x00],
        [0xff, 0xc0, 0x40],
    ]);
    /// Brown ink on paper.
    pub const PAPER: Self =
        Self::new(&[[0x2a, 0x22, 0x1c], [0x8f, 0x7c, 0x68], [0xf5, 0xec, 0xdc]]);

    /// A map of these colours, the first one for black. Without any it leaves greys as they are.
    #[must_use]
    pub const fn new(colors: &'static [[u8; 3]]) -> Self {
        Self(colors)
    }

    /// The colour of a grey.
    #[must_use]
    pub fn rgb(self, grey: u8) -> [u8; 3] {
        let steps = self.0.len().saturating_sub(1) as u32;
        let at = u32::from(grey) * steps;
        let (index, share) = ((at / 255) as usize, at % 255);
        let Some(low) = self.0.get(index) else {
            return [grey; 3];
        };
        let high = self.0.get(index + 1).unwrap_or(low);
        core::array::from_fn(|i| {
            let (low, high) = (u32::from(low[i]), u32::from(high[i]));
            ((low * (255 - share) + high * share + 127) / 255) as u8
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_map_of_black_and_white_changes_nothing() {
        let plain = ColorMap::new(&[[0; 3], [255; 3]]);
        for grey in 0..=255 {
            assert_eq!(plain.rgb(grey), [grey; 3]);
            assert_eq!(ColorMap::new(&[]).rgb(grey), [grey; 3]);
        }
    }

    #[test]
    fn maps_grow_brighter_from_black_to_white() {
        for map in [ColorMap::VIRIDIS, ColorMap::AMBER, ColorMap::PAPER] {
            let light = |grey| {
                let [red, green, blue] = map.rgb(grey);
                crate::image::luma(red, green, blue)
            };
            for grey in 1..=255 {
                assert!(light(grey) >= light(grey - 1), "{map:?} at {grey}");
            }
            assert!(light(255) > light(0) + 150);
        }
    }
}
