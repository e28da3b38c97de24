//! Images that replace each other, with a slider and a play button.

use super::html::image;
use crate::chart::escape;

/// One image of a slideshow.
pub(super) struct Slide<'a> {
    pub(super) png: &'a [u8],
    /// What the slider says at it.
    pub(super) label: String,
}

/// Width in CSS pixels at which an image of `pixels` has squares for pixels and is about `wanted`
/// wide.
pub(super) fn display_width(pixels: u32, wanted: u32) -> u32 {
    let factor = (wanted / pixels.max(1)).max(1);
    pixels.saturating_mul(factor)
}

/// The slideshow, which stands at its last frame until it is moved; `frames` are of one size,
/// `width` of the first is in CSS pixels.
pub(super) fn slideshow(name: &str, frames: &[Slide<'_>], width: u32) -> String {
    let Some(last) = frames.len().checked_sub(1) else {
        return String::new();
    };
    let mut stage = String::new();
    for (i, frame) in frames.iter().enumerate() {
        let class = if i == last { "class=\"on\"" } else { "" };
        let attributes = format!("data-label=\"{}\" {class}", escape(&frame.label));
        stage += &image(frame.png, &format!("{name}, {}", frame.label), &attributes);
    }
    let label = frames.last().map_or_else(String::new, |f| escape(&f.label));
    let slider = match last {
        0 => String::new(),
        _ => format!(
            "<button type=\"button\" aria-label=\"Play\"></button>\
             <input type=\"range\" min=\"0\" max=\"{last}\" value=\"{last}\" aria-label=\"{}\">",
            escape(name)
        ),
    };
    format!(
        "<div class=\"slideshow\" style=\"width:{width}px\"><div class=\"stage\">{stage}</div>\
         <div class=\"controls\">{slider}<output>{label}</output></div></div>"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_frame_is_shown_until_the_slider_moves() {
        let frame = |label: &str| Slide {
            png: b"x",
            label: label.to_owned(),
        };
        let html = slideshow("a \"film\"", &[frame("step 0"), frame("step 5")], 100);
        assert_eq!(html.matches("<img").count(), 2);
        assert_eq!(html.matches("class=\"on\"").count(), 1);
        assert!(html.contains("data-label=\"step 5\" class=\"on\""));
        assert!(html.contains("a &quot;film&quot;") && html.contains("max=\"1\" value=\"1\""));
        assert!(!slideshow("one", &[frame("step 0")], 1).contains("<button"));
        assert_eq!(slideshow("none", &[], 1), "");
    }

    #[test]
    fn images_grow_by_whole_factors() {
        assert_eq!(display_width(242, 480), 242);
        assert_eq!(display_width(242, 500), 484);
        assert_eq!(display_width(1042, 480), 1042);
        assert_eq!(display_width(0, 480), 0);
    }
}
